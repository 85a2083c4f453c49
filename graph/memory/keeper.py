"""The memory that nodes, people and the server use; what nodes do passes through the tape."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from langgraph.store.base import BaseStore, PutOp

from graph.findings import Findings
from graph.memory.item import KINDS, MARKS_KEPT, Item, Kind, Mark, MemoryStatus, Provenance
from graph.memory.recall import Hit, Neighbours, hits
from graph.memory.shelf import Changes, Place, Shelf
from graph.memory.writing import consolidated, learned
from graph.observers import NOBODY, Observers
from graph.receipts import LOCK_WAIT_S
from graph.receipts import NAMESPACE as RECEIPTS
from graph.state import Recalled, Receipt
from graph.tape import exchange

if TYPE_CHECKING:
    from graph.storage import Locks

Project = Callable[[Iterable[Place]], None]
"""Takes note of items that changed, to copy them elsewhere; never fails."""
SCAN_LIMIT = 500
"""Items on one page."""


class Memory:
    """Reads and writes what was learned. Methods raise STORAGE_ERRORS."""

    def __init__(
        self,
        store: BaseStore,
        locks: "Locks",
        observers: Observers = NOBODY,
        neighbours: Neighbours | None = None,
        project: Project | None = None,
    ) -> None:
        self._store = store
        self._shelf = Shelf(store)
        self._locks = locks
        self._observers = observers
        self._neighbours = neighbours
        self._project = project

    async def recall(self, question: str, focus: Sequence[str]) -> list[Recalled]:
        """Hints about what the question or the focus names, the best first; empty when unsure."""

        async def live() -> list[Recalled]:
            return [hit.hint() for hit in await self.look(question, focus)]

        request = {"question": question, "focus": list(focus)}
        return await exchange("memory", "recall", request, live)

    async def look(self, text: str, focus: Sequence[str] = ()) -> list[Hit]:
        """What would be recalled, with the items themselves."""
        return await hits(self._shelf, self._neighbours, text, focus, datetime.now(UTC))

    async def remember(self, findings: Findings, provenance: Provenance, receipt: Receipt) -> int:
        """Write the findings and the receipt, all or nothing; how many items that changed.

        One write, so that a process that dies leaves either nothing or what the receipt says.
        """
        request = {"findings": findings.model_dump(), "provenance": dict(provenance)}

        async def live() -> int:
            async with self._locks.held("memory", LOCK_WAIT_S):
                changes, _ = await consolidated(self._shelf, findings, provenance)
                changes.other.append(PutOp(RECEIPTS, receipt["turn_id"], dict(receipt)))
                await self._write(changes)
                self._observers.receipt_kept(receipt)
            return len(changes.items)

        return await exchange("memory", "remember", request, live)

    async def learn(self, turn_id: str, verdicts: Mapping[str, str], at: str) -> int:
        """Count what became of the hints of that turn, by their keys; how many items changed.

        The same turn again changes nothing.
        """

        async def live() -> int:
            async with self._locks.held("memory", LOCK_WAIT_S):
                places = [(kind, key) for key in verdicts for kind in KINDS]
                changes = Changes()
                for place, item in (await self._shelf.some(places)).items():
                    changed = learned(item, turn_id, verdicts[place[1]], at)
                    if changed is not None:
                        changes.items[place] = changed
                if changes.items:
                    await self._write(changes)
            return len(changes.items)

        request = {"turn": turn_id, "verdicts": dict(verdicts), "at": at}
        return await exchange("memory", "learn", request, live)

    async def add(self, findings: Findings, provenance: Provenance) -> tuple[int, int]:
        """Consolidate findings that no turn of ours made: how many items changed, and refused."""
        async with self._locks.held("memory", LOCK_WAIT_S):
            changes, refused = await consolidated(self._shelf, findings, provenance)
            await self._write(changes)
        return len(changes.items), refused

    async def put_back(self, items: Mapping[Place, Item]) -> int:
        """Write items as they were exported, in place of those with their keys."""
        async with self._locks.held("memory", LOCK_WAIT_S):
            await self._write(Changes(dict(items)))
        return len(items)

    async def items(self, limit: int = SCAN_LIMIT, offset: int = 0) -> list[dict[str, Any]]:
        """Items of all kinds, each with its key as `id` and its `kind`.

        The latest confirmed first, without the first `offset`, at most `limit`.
        """
        found = [
            {"id": key, "kind": kind, **item}
            for kind in KINDS
            for key, item in await self._shelf.page(kind, offset + limit)
        ]
        newest_first = sorted(found, key=lambda item: str(item["last_confirmed"]), reverse=True)
        return newest_first[offset : offset + limit]

    async def walk(self) -> AsyncIterator[tuple[str, Kind, Item]]:
        """Every item with its key and kind; of each kind the latest changed first."""
        for kind in KINDS:
            offset = 0
            while page := await self._shelf.page(kind, SCAN_LIMIT, offset):
                offset += len(page)
                for key, item in page:
                    yield key, kind, item

    async def everything(self) -> dict[Place, Item]:
        """Every item."""
        return {(kind, key): item async for key, kind, item in self.walk()}

    async def item(self, key: str) -> dict[str, Any] | None:
        """The item of that id, or None."""
        found = await self._shelf.find(key)
        return {"id": key, "kind": found[0], **found[1]} if found else None

    async def mark(self, key: str, status: MemoryStatus, by: str) -> dict[str, Any] | None:
        """Set what people say of an item, and who said it; the item, None when it is not known.

        What is retired is not recalled any more, and stays to be looked at.
        """
        async with self._locks.held("memory", LOCK_WAIT_S):
            found = await self._shelf.find(key)
            if found is None:
                return None
            kind, item = found
            at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            marks = [*item["marks"], Mark(status=status, by=by, at=at)][-MARKS_KEPT:]
            changed = item.copy()
            changed["status"], changed["marks"] = status, marks
            await self._write(Changes({(kind, key): changed}))
        return {"id": key, "kind": kind, **changed}

    async def _write(self, changes: Changes) -> None:
        await self._shelf.write(changes)
        if self._project:
            self._project(changes.items)
