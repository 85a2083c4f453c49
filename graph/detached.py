"""The hand-over of a finished turn to the detached branch, and the branch's own run.

The job is a checkpoint: the turn, by value, is written to a thread of its own as if `respond`
had just run there, so that the thread's next node is `enrich`. Running the same compiled graph
on that thread does the rest. For now an asyncio task of this process runs it.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Iterable
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Protocol, cast
from uuid import NAMESPACE_URL, uuid5

from langchain_core.runnables import RunnableConfig
from langgraph.errors import NodeTimeoutError
from langgraph.graph.state import CompiledStateGraph

from graph.state import Receipt, Turn

logger = logging.getLogger(__name__)

Graph = CompiledStateGraph[Any, Any, Any, Any]
ENRICHMENT = "enrichment"
"""The `kind` in the metadata of an enrichment thread's checkpoints."""


def enrichment_thread(turn_id: str) -> str:
    """The id of the thread on which that turn is enriched; a UUID, the same every time."""
    return str(uuid5(NAMESPACE_URL, f"netforge:enrich:{turn_id}"))


def receipt(turn: Turn, status: Any, **known: Any) -> Receipt:
    """A receipt with that status; what is not `known` is empty."""
    blank = Receipt(
        status=status,
        turn_id=turn["id"],
        thread_id=enrichment_thread(turn["id"]),
        reason=None,
        seconds=0.0,
        model=None,
        prompt_version=None,
        insights=0,
        patterns=0,
        dropped=0,
        input_tokens=0,
        output_tokens=0,
        cost_usd=None,
    )
    return cast(Receipt, {**blank, **known})


class HandOver(Protocol):
    """Takes a finished turn over, durably, and answers with its pending or skipped receipt."""

    async def __call__(self, turn: Turn, state: dict[str, Any]) -> Receipt:
        """Hand `turn` over; `state` holds the channels of its thread's first checkpoint."""


@dataclass(frozen=True)
class Bounds:
    """How much enrichment there may be at once, and how long the end waits for it."""

    concurrency: int
    backlog: int
    guard_s: float


class Detached:
    """Runs enrichments as tasks of this process; a port that a durable queue can replace."""

    def __init__(self, bounds: Bounds, keep_receipt: Callable[[Receipt], Awaitable[None]]) -> None:
        self._bounds = bounds
        self._keep_receipt = keep_receipt
        self._slots = asyncio.Semaphore(bounds.concurrency)
        self._accepted: set[str] = set()
        """Turns that have a place: from before their first write until their run has ended."""
        self._running: dict[str, asyncio.Task[None]] = {}
        self._graph: Graph | None = None

    def attach(self, graph: Graph) -> None:
        """Say which graph runs the branch; its `respond` holds this object, so it comes late."""
        self._graph = graph

    async def __call__(self, turn: Turn, state: dict[str, Any]) -> Receipt:
        """See HandOver. The same turn handed over again neither writes nor runs twice."""
        full = turn["id"] not in self._accepted and len(self._accepted) >= self._bounds.backlog
        try:
            if full:
                reason = f"backlog of {self._bounds.backlog} is full (ENRICHMENT_BACKLOG)"
                return await self._kept(receipt(turn, "skipped", reason=reason, thread_id=None))
            self._accepted.add(turn["id"])
            return await self._handed_over(turn, state)
        except sqlite3.Error as error:
            logger.exception("turn %s could not be handed over", turn["id"])
            return receipt(turn, "failed", reason=f"hand-over: {error}", thread_id=None)
        finally:
            if turn["id"] not in self._running:
                self._accepted.discard(turn["id"])

    async def resume(self, turn_ids: Iterable[str]) -> None:
        """Run the enrichments that a former process was handed and did not finish."""
        for turn_id in turn_ids:
            known = await self._attached().aget_state(_configuration(turn_id))
            if known.next:
                self._start(known.values["turn"])

    async def join(self, turn_id: str) -> None:
        """Wait until that turn's enrichment has ended; at once when none is running."""
        if task := self._running.get(turn_id):
            await asyncio.wait({task})

    async def aclose(self) -> None:
        """Let what runs end within the guard; what does not is parked until the next start."""
        tasks = set(self._running.values())
        if not tasks:
            return
        guard_s = self._bounds.guard_s
        logger.warning("waiting up to %g s for %d enrichments to end", guard_s, len(tasks))
        try:
            await asyncio.wait(tasks, timeout=guard_s)
        finally:
            late = [task for task in tasks if not task.done()]
            for task in late:
                task.cancel()
            if late:
                logger.warning("%d enrichments are parked; the next start resumes them", len(late))
                await asyncio.wait(late)

    async def _handed_over(self, turn: Turn, state: dict[str, Any]) -> Receipt:
        graph, config = self._attached(), self._config(turn)
        known = await graph.aget_state(config)
        if known.values and not known.next:
            return cast(Receipt, known.values["enrichment"])
        if not known.values:
            await graph.aupdate_state(config, state, as_node="respond")
        pending = await self._kept(receipt(turn, "pending"))
        self._start(turn)
        return pending

    def _start(self, turn: Turn) -> None:
        if turn["id"] in self._running:
            return
        # An empty context: the task must not inherit the request's run configuration.
        task = asyncio.create_task(self._run(turn), context=Context())
        self._accepted.add(turn["id"])
        self._running[turn["id"]] = task
        task.add_done_callback(lambda _task: self._ended(turn["id"]))

    def _ended(self, turn_id: str) -> None:
        self._running.pop(turn_id, None)
        self._accepted.discard(turn_id)

    async def _run(self, turn: Turn) -> None:
        async with self._slots:
            step = asyncio.ensure_future(
                self._attached().ainvoke(None, self._config(turn), durability="sync")
            )
            try:
                await asyncio.wait({step})
            except asyncio.CancelledError:
                step.cancel()
                await asyncio.wait({step})
                raise
            if error := step.exception():
                logger.error("enrichment of turn %s broke", turn["id"], exc_info=error)
                status = "timeout" if isinstance(error, NodeTimeoutError) else "failed"
                await self._kept(receipt(turn, status, reason=f"{type(error).__name__}: {error}"))

    async def _kept(self, entry: Receipt) -> Receipt:
        await self._keep_receipt(entry)
        return entry

    def _attached(self) -> Graph:
        if self._graph is None:
            raise RuntimeError("attach() comes before the first hand-over")
        return self._graph

    def _config(self, turn: Turn) -> RunnableConfig:
        known = {"kind": ENRICHMENT, "turn": turn["id"], "of": turn["thread_id"]}
        return {**_configuration(turn["id"]), "metadata": known}


def _configuration(turn_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": enrichment_thread(turn_id)}}
