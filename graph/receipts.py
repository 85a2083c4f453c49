"""The receipts: how each turn's enrichment stands or ended, one per turn, in the store."""

from typing import TYPE_CHECKING, Any, cast
from uuid import NAMESPACE_URL, uuid5

from langgraph.store.base import BaseStore

from graph.observers import NOBODY, Observers
from graph.state import Receipt, ReceiptStatus, Turn
from graph.tape import exchange

if TYPE_CHECKING:
    from graph.storage import Locks

NAMESPACE = ("receipts",)
LOCK_WAIT_S = 10.0
SEARCH_LIMIT = 500
"""Receipts in one answer, at most."""


def enrichment_thread(turn_id: str) -> str:
    """The id of the thread on which that turn is enriched; a UUID, the same every time."""
    return str(uuid5(NAMESPACE_URL, f"netforge:enrich:{turn_id}"))


def receipt(turn: Turn, status: ReceiptStatus, **known: Any) -> Receipt:
    """A receipt with that status; what is not `known` is empty."""
    of_turn = {
        "status": status,
        "turn_id": turn["id"],
        "asked_at": turn["asked_at"],
        "of_thread": turn["thread_id"],
        "thread_id": enrichment_thread(turn["id"]),
    }
    return cast(Receipt, {**_BLANK, **of_turn, **known})


class Receipts:
    """Reads and writes them. Methods raise `graph.storage.STORAGE_ERRORS`."""

    def __init__(self, store: BaseStore, locks: "Locks", observers: Observers = NOBODY) -> None:
        self._store = store
        self._locks = locks
        self._observers = observers

    async def put(self, entry: Receipt) -> None:
        """Keep it; the latest receipt of a turn wins."""
        await self._store.aput(NAMESPACE, entry["turn_id"], dict(entry))
        self._observers.receipt_kept(entry)

    async def keep(self, entry: Receipt) -> None:
        """Keep it as a step of the enrichment itself."""

        async def live() -> None:
            await self.put(entry)

        await exchange("memory", "keep_receipt", {"receipt": dict(entry)}, live)

    async def get(self, turn_id: str) -> Receipt | None:
        """The receipt of that turn, or None when the turn is not known."""
        item = await self._store.aget(NAMESPACE, turn_id)
        return _whole(item.value) if item else None

    async def search(
        self,
        *,
        status: ReceiptStatus | None = None,
        since: str | None = None,
        limit: int = SEARCH_LIMIT,
        offset: int = 0,
    ) -> list[Receipt]:
        """The receipts with that status of turns asked at `since` (ISO 8601, UTC) or later.

        The latest changed first, without the first `offset`, `SEARCH_LIMIT` at most.
        """
        wanted: dict[str, Any] = {"status": status} if status else {}
        if since:
            wanted["asked_at"] = {"$gte": since}
        most = min(limit, SEARCH_LIMIT)
        found = await self._store.asearch(
            NAMESPACE, filter=wanted or None, limit=most, offset=offset
        )
        return [_whole(item.value) for item in found]

    async def begin(self, turn: Turn, at: str) -> Receipt:
        """Count one more attempt of a pending enrichment; one that has ended stays as it is."""

        async def live() -> Receipt:
            async with self._locked(turn["id"]):
                known = await self.get(turn["id"]) or receipt(turn, "pending")
                if known["status"] == "pending":
                    known["attempts"] += 1
                    known["first_started_at"] = known["first_started_at"] or at
                    await self.put(known)
                return known

        return await exchange("memory", "begin_enrichment", {"turn": turn["id"], "at": at}, live)

    async def supersede(self, turn_id: str, by: str) -> bool:
        """Skip an enrichment that the one of turn `by` covers; False when it has been started."""
        async with self._locked(turn_id):
            known = await self.get(turn_id)
            if known is None or not unstarted(known):
                return False
            reason = f"superseded: the enrichment of turn {by} covers it"
            await self.put({**known, "status": "skipped", "reason": reason, "superseded_by": by})
            return True

    def _locked(self, turn_id: str) -> Any:
        return self._locks.held(f"receipt:{turn_id}", LOCK_WAIT_S)


def unstarted(entry: Receipt) -> bool:
    """Whether it was handed over and nothing of it has run."""
    return entry["status"] == "pending" and entry["attempts"] == 0


def _whole(kept: dict[str, Any]) -> Receipt:
    """With what an older version did not keep."""
    return cast(Receipt, {**_BLANK, "asked_at": "", "of_thread": "", **kept})


_BLANK: dict[str, Any] = {
    "reason": None,
    "superseded_by": None,
    "attempts": 0,
    "first_started_at": None,
    "seconds": 0.0,
    "model": None,
    "prompt_version": None,
    "insights": 0,
    "patterns": 0,
    "baselines": 0,
    "dropped": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "cost_usd": None,
}
