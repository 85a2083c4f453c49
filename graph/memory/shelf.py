"""Items in the store, and for each component the list of its items.

The lists make a recall a few reads by key, however much memory holds: the store's own search
goes through every item of a namespace. What is best on a list stands once more in a short one of
its own, so that a component with very many items costs a recall no more than another one. Items
and lists are written together, all or nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from langgraph.store.base import BaseStore, GetOp, PutOp
from langgraph.store.base import Item as Stored

from graph.memory.confidence import Standing, faded
from graph.memory.item import KINDS, Item, Kind, whole

COMPONENTS = ("components",)
"""A list a component, by its name in lower case."""
HEADS = ("heads",)
"""The best of each list, under the same names."""
ABOUT = ("memory",)
LISTED = "listed"
"""Kept once every item is on its components' lists; older databases have none."""
LISTS_VERSION = 2
LIST_LIMIT = 2000
"""Items on one list; beyond it those that were confirmed longest ago are left out, unless they
are among the best."""
HEAD_LIMIT = 60
"""The best of one list: the surest, less what has faded."""
BATCH = 500
PAGE = 500

Place = tuple[Kind, str]
"""The kind of an item and its key."""
Listed = dict[Place, Standing]


@dataclass
class Changes:
    """What is to be written, in one go."""

    items: dict[Place, Item] = field(default_factory=dict)
    other: list[PutOp] = field(default_factory=list)


class Shelf:
    """Reads and writes items by their places. Methods raise STORAGE_ERRORS."""

    def __init__(self, store: BaseStore) -> None:
        self._store = store
        self._is_listed = False

    async def some(self, places: Sequence[Place]) -> dict[Place, Item]:
        """Those of these items that there are."""
        found: dict[Place, Item] = {}
        for start in range(0, len(places), BATCH):
            part = places[start : start + BATCH]
            got = await self._store.abatch([GetOp((kind,), key) for kind, key in part])
            for place, stored in zip(part, cast("list[Stored | None]", got), strict=True):
                if stored is not None:
                    found[place] = whole(stored.value)
        return found

    async def lists(self, names: Iterable[str]) -> dict[str, Listed]:
        """For each of these components that has one, its list: places with what ranks them.

        The latest confirmed come first.
        """
        return await self._listed(COMPONENTS, names)

    async def heads(self, names: Iterable[str]) -> dict[str, Listed]:
        """The same of the best of each list alone; the best come first."""
        return await self._listed(HEADS, names)

    async def write(self, changes: Changes) -> None:
        """Write items, their lists and the rest, all or nothing."""
        names = {name.lower() for item in changes.items.values() for name in item["components"]}
        lists = await self.lists(names)
        for place, item in changes.items.items():
            for name in item["components"]:
                lists.setdefault(name.lower(), {})[place] = _rank(item)
        puts = [PutOp((kind,), key, dict(item)) for (kind, key), item in changes.items.items()]
        await self._store.abatch([*puts, *_documents(lists), *changes.other])

    async def page(self, kind: Kind, limit: int, offset: int = 0) -> list[tuple[str, Item]]:
        """Items of that kind with their keys, the latest changed first."""
        found = await self._store.asearch((kind,), limit=limit, offset=offset)
        return [(item.key, whole(item.value)) for item in found]

    async def find(self, key: str) -> tuple[Kind, Item] | None:
        """The item of that key, of whatever kind."""
        places: list[Place] = [(kind, key) for kind in KINDS]
        found = await self.some(places)
        return next(((place[0], item) for place, item in found.items()), None)

    async def _listed(self, namespace: tuple[str, ...], names: Iterable[str]) -> dict[str, Listed]:
        await self._list_all()
        keys = list(dict.fromkeys(name.lower() for name in names))
        found: dict[str, Listed] = {}
        for start in range(0, len(keys), BATCH):
            part = keys[start : start + BATCH]
            got = await self._store.abatch([GetOp(namespace, key) for key in part])
            for key, stored in zip(part, cast("list[Stored | None]", got), strict=True):
                if stored is not None:
                    found[key] = _places(stored.value)
        return found

    async def _list_all(self) -> None:
        """Put the items of an older database on their components' lists, once."""
        if self._is_listed:
            return
        known = await self._store.aget(ABOUT, LISTED)
        if known and known.value["version"] == LISTS_VERSION:
            self._is_listed = True
            return
        lists: dict[str, Listed] = {}
        for kind in KINDS:
            offset = 0
            while page := await self.page(kind, PAGE, offset):
                offset += len(page)
                for key, item in page:
                    for name in item["components"]:
                        lists.setdefault(name.lower(), {})[kind, key] = _rank(item)
        done = PutOp(ABOUT, LISTED, {"version": LISTS_VERSION})
        await self._store.abatch([*_documents(lists), done])
        self._is_listed = True


def _rank(item: Item) -> Standing:
    return Standing(
        last_confirmed=item["last_confirmed"],
        confidence=item["confidence"],
        status=item["status"],
    )


def _documents(lists: Mapping[str, Listed]) -> list[PutOp]:
    """The lists as they are kept, with the best of each."""
    puts = []
    for name, listed in lists.items():
        best = _best(listed)
        newest = sorted(listed.items(), key=lambda entry: entry[1]["last_confirmed"], reverse=True)
        kept = {**dict(newest[: LIST_LIMIT - len(best)]), **best}
        puts += [PutOp(COMPONENTS, name, _document(kept)), PutOp(HEADS, name, _document(best))]
    return puts


def _best(listed: Listed) -> Listed:
    """The best of a list. All fade alike, so they stay the best until something is written."""
    at = datetime.fromisoformat(max(rank["last_confirmed"] for rank in listed.values()))
    ranked = sorted(listed.items(), key=lambda entry: faded(entry[1], at), reverse=True)
    return dict(ranked[:HEAD_LIMIT])


def _document(listed: Listed) -> dict[str, Any]:
    return {"items": [{"kind": kind, "key": key, **rank} for (kind, key), rank in listed.items()]}


def _places(document: Mapping[str, Any]) -> Listed:
    return {
        (entry["kind"], entry["key"]): Standing(
            last_confirmed=entry["last_confirmed"],
            confidence=entry["confidence"],
            status=entry["status"],
        )
        for entry in document["items"]
    }
