"""Memory: what the analyst learned, kept in a LangGraph store, and the receipts.

Namespaces: `("insights",)` and `("patterns",)`, an item a key; `("receipts",)`, a turn a key.
An item is keyed by what it says, so that the same finding confirms the item that is there
instead of adding one, and the same turn delivered again changes nothing.
"""

import asyncio
import re
from collections.abc import Sequence
from typing import Any, TypedDict

from langgraph.store.base import BaseStore

from graph.findings import Findings, Insight, Pattern
from graph.state import Recalled, Receipt
from graph.tape import digest, exchange
from graph.untrusted import printable

TAG = "[MiniMax]"
RECALL_LIMIT = 5
"""Hints shown in one turn."""
SCAN_LIMIT = 500
"""Items looked at for one recall, newest first."""
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

    def __init__(self, store: BaseStore) -> None:
        self._store = store
        self._writing = asyncio.Lock()

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
                    names = {name.lower() for name in value["components"]}
                    if names & pointed_at or any(_names(question, name) for name in names):
                        found.append(_hint(item.key, value))
            found.sort(key=lambda hint: hint["last_confirmed"], reverse=True)
            return found[:RECALL_LIMIT]

        request = {"question": question, "focus": list(focus)}
        return await exchange("memory", "recall", request, live)

    async def remember(self, findings: Findings, provenance: Provenance) -> int:
        """Write the findings; answers how many items were added or confirmed."""
        request = {"findings": findings.model_dump(), "provenance": dict(provenance)}

        async def live() -> int:
            async with self._writing:
                insights = [
                    await self._put(("insights",), item, provenance) for item in findings.insights
                ]
                patterns = [
                    await self._put(("patterns",), item, provenance) for item in findings.patterns
                ]
            return sum(insights) + sum(patterns)

        return await exchange("memory", "remember", request, live)

    async def items(self, limit: int = SCAN_LIMIT) -> list[dict[str, Any]]:
        """All insights and patterns, newest first, each with its key as `id`."""
        found = [
            {"id": item.key, **item.value}
            for namespace in (("insights",), ("patterns",))
            for item in await self._store.asearch(namespace, limit=limit)
        ]
        newest_first = sorted(found, key=lambda item: str(item["last_confirmed"]), reverse=True)
        return newest_first[:limit]

    async def put_receipt(self, receipt: Receipt) -> None:
        """Keep how a turn's enrichment stands; the latest receipt of a turn wins."""
        await self._store.aput(("receipts",), receipt["turn_id"], dict(receipt))

    async def receipt(self, turn_id: str) -> dict[str, Any] | None:
        """The receipt of that turn, or None when the turn is not known."""
        item = await self._store.aget(("receipts",), turn_id)
        return item.value if item else None

    async def pending(self, limit: int = SCAN_LIMIT) -> list[str]:
        """The turns whose enrichment was handed over and has not ended."""
        waiting = {"status": "pending"}
        found = await self._store.asearch(("receipts",), filter=waiting, limit=limit)
        return [item.key for item in found]

    async def _put(
        self, namespace: tuple[str, ...], finding: Insight | Pattern, provenance: Provenance
    ) -> int:
        said = finding.model_dump()
        named = finding.title if isinstance(finding, Insight) else finding.type
        components = sorted({name.lower() for name in finding.components})
        key = digest([" ".join(named.lower().split()), components])
        known = await self._store.aget(namespace, key)
        value = known.value if known else _new_item(said, provenance)
        if provenance["turn_id"] in value["turns"]:
            return 0
        value["turns"] = [*value["turns"], provenance["turn_id"]][-TURNS_KEPT:]
        value["occurrences"] += 1
        value["last_confirmed"] = max(value["last_confirmed"], provenance["at"])
        await self._store.aput(namespace, key, value)
        return 1


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
