"""Memory: what the analyst learned, kept in a LangGraph store.

Namespaces: `("insights",)` and `("patterns",)`, an item a key.
An item is keyed by what it says, so that the same finding confirms the item that is there
instead of adding one, and the same turn delivered again changes nothing.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from langgraph.store.base import BaseStore, PutOp

from graph.codec import digest
from graph.findings import Findings, Insight, Pattern
from graph.observers import NOBODY, Observers
from graph.receipts import LOCK_WAIT_S
from graph.receipts import NAMESPACE as RECEIPTS
from graph.state import Recalled, Receipt
from graph.tape import exchange
from graph.untrusted import printable

if TYPE_CHECKING:
    from graph.storage import Locks

TAG = "[MiniMax]"
RECALL_LIMIT = 5
"""Hints shown in one turn."""
SCAN_LIMIT = 500
"""Items looked at for one recall, newest first."""
KINDS = ("insights", "patterns")
MemoryStatus = Literal["open", "acknowledged", "resolved", "retired"]
MARKS_KEPT = 20
TURNS_KEPT = 100
"""Turns that an item remembers, so that a turn delivered twice is noticed."""


class Provenance(TypedDict):
    """Where an item comes from."""

    turn_id: str
    thread_id: str
    """The enrichment's thread."""
    model: str
    prompt_version: str
    at: str
    """ISO 8601, UTC: when the turn was asked."""


class Memory:
    """Reads and writes what was learned; every access passes through the tape."""

    def __init__(self, store: BaseStore, locks: "Locks", observers: Observers = NOBODY) -> None:
        self._store = store
        self._locks = locks
        self._observers = observers

    async def recall(self, question: str, focus: Sequence[str]) -> list[Recalled]:
        """Hints about components that the question or the focus names, newest first.

        Abstains (an empty list) when no component of any item is named.
        """

        async def live() -> list[Recalled]:
            found: list[Recalled] = []
            pointed_at = {name.lower() for name in focus}
            for namespace in (("patterns",), ("insights",)):
                for item in await self._store.asearch(namespace, limit=SCAN_LIMIT):
                    value = item.value
                    if value["status"] == "retired":
                        continue
                    names = {name.lower() for name in value["components"]}
                    if names & pointed_at or any(_names(question, name) for name in names):
                        found.append(_hint(item.key, value))
            found.sort(key=lambda hint: hint["last_confirmed"], reverse=True)
            return found[:RECALL_LIMIT]

        request = {"question": question, "focus": list(focus)}
        return await exchange("memory", "recall", request, live)

    async def remember(self, findings: Findings, provenance: Provenance, receipt: Receipt) -> int:
        """Write the findings and the receipt, all or nothing; how many items that changed.

        One write, so that a process that dies leaves either nothing or what the receipt says.
        """
        request = {"findings": findings.model_dump(), "provenance": dict(provenance)}

        async def live() -> int:
            async with self._locks.held("memory", LOCK_WAIT_S):
                changed: dict[tuple[tuple[str, ...], str], dict[str, Any]] = {}
                for namespace, found in (
                    (("insights",), findings.insights),
                    (("patterns",), findings.patterns),
                ):
                    for finding in found:
                        await self._confirm(changed, namespace, finding, provenance)
                puts = [PutOp(*place, value) for place, value in changed.items()]
                kept = PutOp(RECEIPTS, receipt["turn_id"], dict(receipt))
                await self._store.abatch([*puts, kept])
                self._observers.receipt_kept(receipt)
            return len(changed)

        return await exchange("memory", "remember", request, live)

    async def items(self, limit: int = SCAN_LIMIT, offset: int = 0) -> list[dict[str, Any]]:
        """Insights and patterns, each with its key as `id` and its `kind`.

        The latest confirmed first, without the first `offset`, at most `limit`.
        """
        found = [
            {"id": item.key, "kind": kind, **item.value}
            for kind in KINDS
            for item in await self._store.asearch((kind,), limit=offset + limit)
        ]
        newest_first = sorted(found, key=lambda item: str(item["last_confirmed"]), reverse=True)
        return newest_first[offset : offset + limit]

    async def item(self, key: str) -> dict[str, Any] | None:
        """The insight or pattern of that id, or None."""
        for kind in KINDS:
            if found := await self._store.aget((kind,), key):
                return {"id": key, "kind": kind, **found.value}
        return None

    async def mark(self, key: str, status: MemoryStatus, by: str) -> dict[str, Any] | None:
        """Set what people say of an item, and who said it; the item, None when it is not known.

        What is retired is not recalled any more, and stays to be looked at.
        """
        async with self._locks.held("memory", LOCK_WAIT_S):
            known = await self.item(key)
            if known is None:
                return None
            at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            marks = [*known.get("marks", []), {"status": status, "by": by, "at": at}]
            changed = {**known, "status": status, "marks": marks[-MARKS_KEPT:]}
            kept = {name: value for name, value in changed.items() if name not in ("id", "kind")}
            await self._store.aput((known["kind"],), key, kept)
        return changed

    async def _confirm(
        self,
        changed: dict[tuple[tuple[str, ...], str], dict[str, Any]],
        namespace: tuple[str, ...],
        finding: Insight | Pattern,
        provenance: Provenance,
    ) -> None:
        """Add the item that the finding makes or confirms to `changed`."""
        said = finding.model_dump()
        named = finding.title if isinstance(finding, Insight) else finding.type
        components = sorted({name.lower() for name in finding.components})
        key = digest([" ".join(named.lower().split()), components])
        if (namespace, key) in changed:
            return
        known = await self._store.aget(namespace, key)
        value = dict(known.value) if known else _new_item(said, provenance)
        if provenance["turn_id"] in value["turns"]:
            return
        value["turns"] = [*value["turns"], provenance["turn_id"]][-TURNS_KEPT:]
        value["occurrences"] += 1
        value["last_confirmed"] = max(value["last_confirmed"], provenance["at"])
        changed[namespace, key] = value


def _names(question: str, component: str) -> bool:
    """Whether the question names the component itself, not one whose name is longer."""
    whole_name = rf"(?<![\w.-]){re.escape(component)}(?![\w-]|\.\w)"
    return re.search(whole_name, question.lower()) is not None


def _new_item(said: dict[str, Any], provenance: Provenance) -> dict[str, Any]:
    return {
        **said,
        "tag": TAG,
        "status": "open",
        "provenance": dict(provenance),
        "first_confirmed": provenance["at"],
        "last_confirmed": provenance["at"],
        "turns": [],
        "occurrences": 0,
    }


def _hint(key: str, value: dict[str, Any]) -> Recalled:
    text = value.get("finding") or value.get("description")
    times = value["occurrences"]
    return Recalled(
        id=f"M-{key[:8]}",
        text=printable(f"{value['tag']} {', '.join(value['components'])}: {text} (seen {times}x)"),
        last_confirmed=value["last_confirmed"],
    )
