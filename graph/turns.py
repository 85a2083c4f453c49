"""The accepted questions: each ends in an answer or a recorded failure, whatever happens.

A question is written down before its first step and struck out after its last. What is found
written down with nobody at work on its thread belongs to a process that died, or broke off
because the database was away: it is resumed from its last checkpoint.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypedDict, cast
from uuid import UUID

from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.store.base import BaseStore

from graph.errors import StateUnavailable, ThreadBusy
from graph.state import Failure
from graph.storage import STORAGE_ERRORS, Locks

logger = logging.getLogger(__name__)

NAMESPACE = ("turns",)
ATTEMPTS = 3
"""Starts of one turn, the first included, before its failure is recorded."""
RESUMED_AT_ONCE = 20


class Accepted(TypedDict):
    """A question that somebody was promised an answer to."""

    run_id: str
    thread_id: str
    question: str
    focus: list[str]
    attempts: int


class Turns:
    """Runs turns, one at a time on a thread, over all processes on the same database."""

    def __init__(
        self,
        graph: CompiledStateGraph[Any, Any, Any, Any],
        store: BaseStore,
        locks: Locks,
        step_limit: int,
    ) -> None:
        self._graph = graph
        self._step_limit = step_limit
        self._store = store
        self._locks = locks
        self._resuming: set[asyncio.Task[None]] = set()

    async def stream(self, accepted: Accepted) -> AsyncIterator[dict[str, Any]]:
        """Run one turn, yielding its events.

        Raises ThreadBusy while another runs there, StateUnavailable when the database fails.
        """
        thread_id = accepted["thread_id"]
        name = f"thread:{thread_id}"
        if not await self._locks.take(name):
            raise ThreadBusy(
                f"a turn is running on thread {thread_id!r}; ask again when it has answered"
            )
        try:
            # A new question would end the steps of one that waits to be resumed.
            if await self._store.asearch(NAMESPACE, filter={"thread_id": thread_id}, limit=1):
                raise ThreadBusy(
                    f"an earlier question on thread {thread_id!r} is about to be resumed; ask "
                    "again when it has answered"
                )
            await self._put(accepted)
            async for event in self._graph.astream(
                _input(accepted),
                self._config(accepted),
                stream_mode="custom",
                durability="sync",
            ):
                yield event
            await self._store.adelete(NAMESPACE, accepted["run_id"])
        except STORAGE_ERRORS as error:
            raise StateUnavailable(
                f"turn {accepted['run_id']} broke off, the state cannot be written: {error}; it "
                "goes on by itself, on its thread, if it was accepted and when that is mended"
            ) from error
        finally:
            await self._locks.release(name)

    async def round(self, number: int) -> None:  # noqa: ARG002 (it is the upkeep's)
        """Start again what was accepted and is not being worked on; does not wait for it."""
        try:
            for item in await self._store.asearch(NAMESPACE, limit=RESUMED_AT_ONCE):
                thread = f"thread:{item.value['thread_id']}"
                if await self._locks.take(thread):
                    task = asyncio.create_task(self._again(item.key, thread))
                    self._resuming.add(task)
                    task.add_done_callback(self._ended)
        except STORAGE_ERRORS as error:
            logger.warning("accepted questions wait for the database: %s", error)

    async def aclose(self) -> None:
        """Break off what is being resumed; the next start goes on with it."""
        for task in self._resuming:
            task.cancel()
        if self._resuming:
            await asyncio.wait(self._resuming)

    async def _again(self, run_id: str, thread: str) -> None:
        try:
            # Read only now: whoever held the thread may have answered since.
            item = await self._store.aget(NAMESPACE, run_id)
            if item is None:
                return
            accepted = cast(Accepted, item.value)
            accepted["attempts"] += 1
            await self._put(accepted)
            if accepted["attempts"] > ATTEMPTS:
                logger.error("turn %s was started %d times and did not end", run_id, ATTEMPTS)
                await self._give_up(accepted)
            else:
                logger.warning("resuming turn %s", run_id)
                await self._go_on(accepted)
            await self._store.adelete(NAMESPACE, run_id)
        except STORAGE_ERRORS as error:
            logger.warning("turn %s waits for the database: %s", run_id, error)
        finally:
            await self._locks.release(thread)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._resuming.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("a resumed turn broke; the next round starts it again", exc_info=error)

    async def _go_on(self, accepted: Accepted) -> None:
        config = self._config(accepted)
        known = await self._graph.aget_state(config)
        if not _asked(accepted, known.values):
            await self._graph.ainvoke(_input(accepted), config, durability="sync")
        # Not `next`: it leaves out a step whose writes are kept and whose checkpoint is not.
        elif known.tasks:
            await self._graph.ainvoke(None, config, durability="sync")

    async def _give_up(self, accepted: Accepted) -> None:
        config = self._config(accepted)
        known = await self._graph.aget_state(config)
        said = f"it was started {ATTEMPTS} times and did not end; the log of the process says why"
        answer = AIMessage(
            f"The investigation could not be finished. {said}", id=f"{accepted['run_id']}:answer"
        )
        asked = [] if _asked(accepted, known.values) else _input(accepted)["messages"]
        failure = Failure(kind="broken", message=said, attempts=ATTEMPTS)
        recorded = {"messages": [*asked, answer], "report": None, "failure": failure}
        await self._graph.aupdate_state(config, recorded, "respond")

    def _config(self, accepted: Accepted) -> RunnableConfig:
        return {
            "configurable": {"thread_id": accepted["thread_id"]},
            "run_id": UUID(accepted["run_id"]),
            "recursion_limit": self._step_limit,
        }

    async def _put(self, accepted: Accepted) -> None:
        await self._store.aput(NAMESPACE, accepted["run_id"], dict(accepted))


def accepted(run_id: str, thread_id: str, question: str, focus: Sequence[str]) -> Accepted:
    """A question as it is accepted, before its first start."""
    return Accepted(
        run_id=run_id, thread_id=thread_id, question=question, focus=list(focus), attempts=1
    )


def _input(accepted: Accepted) -> dict[str, Any]:
    message = HumanMessage(accepted["question"], id=_question_id(accepted))
    return {"messages": [message], "focus": accepted["focus"]}


def _asked(accepted: Accepted, values: dict[str, Any]) -> bool:
    """Whether the question reached a checkpoint."""
    return any(message.id == _question_id(accepted) for message in values.get("messages", []))


def _question_id(accepted: Accepted) -> str:
    return f"{accepted['run_id']}:question"
