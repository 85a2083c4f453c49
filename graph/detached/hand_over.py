"""The hand-over of a finished turn to the detached branch, and its retry by hand.

The job is a checkpoint: the turn, by value, is written to a thread of its own as if `respond`
had just run there, so that the thread's next node is `enrich`. The queue holds the turn's id.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from contextvars import Context
from typing import Any, cast

from langgraph.checkpoint.base import BaseCheckpointSaver

from graph.detached.branch import Graph, configuration, place
from graph.detached.order import RETRY_TIMEOUT_LIMIT_S
from graph.detached.queue import Queue
from graph.errors import EnrichmentRefused
from graph.model_ids import model_id
from graph.receipts import Receipts, receipt, unstarted
from graph.state import Receipt, Retry, Turn
from graph.storage import STORAGE_ERRORS

logger = logging.getLogger(__name__)

HAND_OVER_S = 15.0
LOOK_AGAIN_S = 1.0
ROOM = 50
"""Jobs admitted after one look at the backlog, at most."""
UNKEPT = 1000
"""Receipts held in memory while the database cannot take them."""
_AWAY: tuple[type[Exception], ...] = (TimeoutError, *STORAGE_ERRORS)


class Detached:
    """Hands turns over to the queue, as many as the backlog takes."""

    def __init__(self, receipts: Receipts, backlog: int) -> None:
        self._receipts = receipts
        self._backlog = backlog
        self._looking = asyncio.Lock()
        self._room = self._in_flight = 0
        self._looked_at_s = float("-inf")
        self._graph: Graph | None = None
        self._queue: Queue | None = None
        self._unkept: deque[Receipt] = deque(maxlen=UNKEPT)

    def attach(self, graph: Graph, queue: Queue | None) -> None:
        """Say which graph and queue; the graph's `respond` holds this object, so they come late.

        Without a queue nothing can be handed over or run again.
        """
        self._graph, self._queue = graph, queue

    async def __call__(self, turn: Turn, state: dict[str, Any]) -> Receipt:
        """See HandOver. The same turn handed over again neither writes nor runs twice."""
        try:
            async with asyncio.timeout(HAND_OVER_S):
                return await self._handed_over(turn, state)
        except _AWAY as error:
            logger.exception("turn %s could not be handed over", turn["id"])
            reason = f"hand-over: {str(error) or type(error).__name__}"
            failed = receipt(turn, "failed", reason=reason, thread_id=None)
            self._unkept.append(failed)
            return failed

    async def skip(self, turn: Turn, reason: str) -> Receipt:
        """See HandOver."""
        skipped = receipt(turn, "skipped", reason=reason, thread_id=None)
        try:
            async with asyncio.timeout(HAND_OVER_S):
                # Handed over by a process that died before it kept this step.
                if kept := await self._receipts.get(turn["id"]):
                    return kept
                await self._put(skipped)
        except _AWAY as error:
            logger.warning("the receipt of turn %s is kept later: %s", turn["id"], error)
            self._unkept.append(skipped)
        return skipped

    async def retry(
        self, turn_id: str, *, model: str | None = None, timeout_s: float | None = None
    ) -> Receipt:
        """Run an enrichment that has ended again, with another model or timeout if given.

        Answers with its pending receipt. Raises EnrichmentRefused when it is unknown, waits or
        runs, has no study, or cannot be run like this; STORAGE_ERRORS.
        """
        kept = await self._receipts.get(turn_id)
        known = await self._attached().aget_state(place(turn_id))
        if refusal := _refusal(turn_id, kept, bool(known.values), model, timeout_s):
            raise EnrichmentRefused(refusal)
        if self._queue is None:
            raise EnrichmentRefused("enrichment is switched off by ENRICHMENT")
        turn = cast(Turn, known.values["turn"])
        ordered = Retry(model=model, timeout_s=timeout_s)
        await self._attached().aupdate_state(configuration(turn), {"retry": ordered}, "respond")
        attempts = kept["attempts"] if kept else 0
        pending = receipt(turn, "pending", attempts=attempts)
        await self._receipts.put(pending)
        await self._queue.add(turn_id, again=True)
        return pending

    async def round(self, number: int) -> None:  # noqa: ARG002 (it is the upkeep's)
        """Write the receipts that the database could not take, where it has none by now."""
        try:
            while self._unkept:
                entry = self._unkept[0]
                if await self._receipts.get(entry["turn_id"]) is None:
                    await self._receipts.put(entry)
                self._unkept.popleft()
        except STORAGE_ERRORS as error:
            logger.warning("%d receipts wait for the database: %s", len(self._unkept), error)

    async def _handed_over(self, turn: Turn, state: dict[str, Any]) -> Receipt:
        graph, config, queue = self._attached(), configuration(turn), self._queue
        assert queue is not None, "respond hands over only when enrichment is on"
        kept = await self._receipts.get(turn["id"])
        if kept and kept["status"] != "pending":
            return kept
        # The saver's own look is a third of the price of the graph's.
        if await cast(BaseCheckpointSaver[Any], graph.checkpointer).aget_tuple(config) is None:
            write = graph.aupdate_state(config, state, "respond")
            # In an empty context: it must not inherit the metadata of the run that hands over.
            await asyncio.create_task(write, context=Context())
        if kept:
            await queue.add(turn["id"])
            return kept
        if not await self._admitted(queue):
            reason = f"backlog of {self._backlog} is full (ENRICHMENT_BACKLOG)"
            return await self._put(receipt(turn, "skipped", reason=reason))
        try:
            # In this order: a worker that is quick must not find its receipt overwritten.
            pending = await self._put(receipt(turn, "pending"))
            await queue.add(turn["id"])
        finally:
            self._in_flight -= 1
        # Last: before that, the other's study would be nowhere if the process died.
        for covered in state.get("covers", []):
            await self._receipts.supersede(covered, turn["id"])
        return pending

    async def waiting(self, turn_ids: Sequence[str], by: Turn) -> list[str]:
        """See HandOver. None when the database does not say: covering only spares a call."""
        found: list[str] = []
        try:
            for turn_id in turn_ids:
                kept = await self._receipts.get(turn_id)
                if kept is None or kept["of_thread"] != by["thread_id"]:
                    # Of the thread that this one was copied or forked from, which goes its own way.
                    continue
                # What one of them covers has its study nowhere else.
                if unstarted(kept) or kept["superseded_by"] in (by["id"], *found):
                    found.append(turn_id)
        except STORAGE_ERRORS as error:
            logger.warning("cannot see which turns wait: %s", error)
            return []
        return found

    async def _admitted(self, queue: Queue) -> bool:
        """Whether the backlog takes one more. Near its limit it is looked at each time."""
        async with self._looking:
            now_s = asyncio.get_running_loop().time()
            if self._room == 0 or now_s - self._looked_at_s > LOOK_AGAIN_S:
                self._room = await self._looked(queue)
                self._looked_at_s = now_s
            if self._room == 0:
                return False
            self._room -= 1
            self._in_flight += 1
            return True

    async def _looked(self, queue: Queue) -> int:
        """A number of jobs that there is room for: `ROOM` when there is plenty, else 1 or none."""
        for room in (ROOM, 1):
            one_too_many = self._backlog - self._in_flight - room + 1
            if one_too_many > 0 and not await queue.has_at_least(one_too_many):
                return room
        return 0

    async def _put(self, entry: Receipt) -> Receipt:
        await self._receipts.put(entry)
        return entry

    def _attached(self) -> Graph:
        if self._graph is None:
            raise RuntimeError("attach() comes before the first hand-over")
        return self._graph


def _refusal(
    turn_id: str,
    kept: Receipt | None,
    studied: bool,
    model: str | None,
    timeout_s: float | None,
) -> str | None:
    if kept is None:
        return f"no enrichment of turn {turn_id} is known"
    if kept["status"] == "pending":
        return f"the enrichment of turn {turn_id} waits or runs; wait until it has ended"
    if not studied:
        return f"turn {turn_id} left nothing to study ({kept['reason']})"
    if timeout_s is not None and not 0 < timeout_s <= RETRY_TIMEOUT_LIMIT_S:
        return f"timeout_s={timeout_s:g}: give more than 0 and at most {RETRY_TIMEOUT_LIMIT_S:g}"
    try:
        if model is not None:
            model_id(model)
    except ValueError as error:
        return str(error)
    return None
