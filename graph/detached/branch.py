"""The detached branch's own run: the same compiled graph, on the enrichment's thread."""

import asyncio
import logging
from contextvars import Context
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.errors import NodeTimeoutError
from langgraph.graph.state import CompiledStateGraph

from graph.detached.breaker import Breaker
from graph.errors import StateUnavailable
from graph.observers import Work, at_work
from graph.receipts import Receipts, enrichment_thread, receipt
from graph.state import ReceiptStatus, Turn
from graph.storage import STORAGE_ERRORS, Locks

logger = logging.getLogger(__name__)

Graph = CompiledStateGraph[Any, Any, Any, Any]
STORAGE_ATTEMPTS = 8
LONGEST_WAIT_S = 30.0
"""A database that restarts is waited for about two minutes; the upkeep goes on after that."""


ENRICHMENT = "enrichment"
"""The `kind` in the metadata of an enrichment thread's checkpoints."""


def place(turn_id: str) -> RunnableConfig:
    """Where the enrichment of that turn lives."""
    return {"configurable": {"thread_id": enrichment_thread(turn_id)}}


def configuration(turn: Turn) -> RunnableConfig:
    """The same, with what its checkpoints are to say about themselves."""
    known = {"kind": ENRICHMENT, "turn": turn["id"], "of": turn["thread_id"]}
    return {**place(turn["id"]), "metadata": known}


class Branch:
    """Runs or resumes the enrichment of a turn, once at a time over all processes."""

    def __init__(self, receipts: Receipts, locks: Locks, breaker: Breaker, guard_s: float) -> None:
        self._receipts = receipts
        self._locks = locks
        self._breaker = breaker
        self._guard_s = guard_s
        self._graph: Graph | None = None
        self._closing = False
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._asking: set[str] = set()
        """Turns past the breaker: what the end waits for."""

    @property
    def running(self) -> frozenset[str]:
        """The turns whose enrichment this process runs now."""
        return frozenset(self._tasks)

    def attach(self, graph: Graph) -> None:
        """Say which graph runs the branch, before a worker is opened."""
        self._graph = graph

    async def run(self, turn_id: str) -> None:
        """Run it to its end. What is parked never returns, so that its job stays open."""
        task = self._tasks.get(turn_id)
        if task is None and not self._closing:
            # An empty context: the task must not inherit anybody's run configuration.
            task = asyncio.create_task(self._work(turn_id), context=Context())
            self._tasks[turn_id] = task
            task.add_done_callback(lambda _task: self._tasks.pop(turn_id, None))
        if task is not None:
            await asyncio.wait({task})
        if task is None or task.cancelled():
            await asyncio.Event().wait()
        elif error := task.exception():
            logger.error("enrichment of turn %s broke", turn_id, exc_info=error)
            raise error

    async def aclose(self) -> None:
        """Let what asks the analyst end within the guard; the rest is parked."""
        self._closing = True
        tasks = dict(self._tasks)
        asking = {task for turn_id, task in tasks.items() if turn_id in self._asking}
        try:
            if asking:
                guard_s = self._guard_s
                logger.warning("waiting up to %g s for %d enrichments to end", guard_s, len(asking))
                await asyncio.wait(asking, timeout=guard_s)
        finally:
            late = {task for task in tasks.values() if not task.done()}
            for task in late:
                task.cancel()
            if late:
                logger.warning("%d enrichments are parked; the next start resumes them", len(late))
                await asyncio.wait(late)

    async def _work(self, turn_id: str) -> None:
        # A living holder of the lock needs no more than its guard and the writing after it.
        async with self._locks.held(f"enrich:{turn_id}", 2 * self._guard_s + LONGEST_WAIT_S):
            for attempt in range(STORAGE_ATTEMPTS):
                try:
                    async with self._breaker.passage():
                        self._asking.add(turn_id)
                        await self._resume(turn_id)
                    return
                except STORAGE_ERRORS as error:
                    wait_s = min(2.0**attempt, LONGEST_WAIT_S)
                    logger.warning(
                        "enrichment of turn %s: %s; again in %g s", turn_id, error, wait_s
                    )
                finally:
                    self._asking.discard(turn_id)
                await asyncio.sleep(wait_s)
        raise StateUnavailable(f"the enrichment of turn {turn_id} waits for the database")

    async def _resume(self, turn_id: str) -> None:
        graph = cast(Graph, self._graph)
        known = await graph.aget_state(place(turn_id))
        # Not `next`: it leaves out a step whose writes are kept and whose checkpoint is not.
        if not known.tasks:
            return
        turn = cast(Turn, known.values["turn"])
        at_work.set(Work("enrichment", turn_id, enrichment_thread(turn_id)))
        step = asyncio.ensure_future(graph.ainvoke(None, configuration(turn), durability="sync"))
        try:
            await asyncio.wait({step})
        finally:
            if not step.done():
                step.cancel()
                await asyncio.wait({step})
        error = step.exception()
        if isinstance(error, STORAGE_ERRORS):
            raise error
        if error:
            logger.error("enrichment of turn %s broke", turn_id, exc_info=error)
            status: ReceiptStatus = "timeout" if isinstance(error, NodeTimeoutError) else "failed"
            reason = f"{type(error).__name__}: {error}"
            await self._receipts.put(receipt(turn, status, reason=reason))
