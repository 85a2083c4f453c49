"""One attempt at a turn: the graph is run or resumed to its end, and what that came to.

A turn begins with its question, or, when it is a fork, with a state that was put on its thread.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph

from graph.errors import StateUnavailable
from graph.run import FORK, Asked, Run
from graph.run_log import RunLog
from graph.state import Failure, Investigation, nothing_spent
from graph.storage import STORAGE_ERRORS, in_one_line

logger = logging.getLogger(__name__)

ATTEMPTS = 3
"""Starts of one turn, the first included, before its failure is recorded."""


@dataclass(frozen=True)
class Seed:
    """The state that a fork begins with."""

    values: Mapping[str, Any]
    as_node: str
    """The node that it is put down to, so that the next step is the one to begin with."""

    async def put(
        self, graph: CompiledStateGraph[Any, Any, Any, Any], asked: Asked, step_limit: int
    ) -> None:
        """Put it on the thread, which has nothing yet. Raises STORAGE_ERRORS."""
        config = _config(asked.run_id, asked.thread_id, step_limit)
        await graph.aupdate_state(config, dict(self.values), self.as_node)


@dataclass(frozen=True)
class Attempt:
    """A turn that is being run; `log` is told what happens."""

    graph: CompiledStateGraph[Any, Any, Any, Any]
    step_limit: int
    run: Run
    number: int
    log: RunLog

    async def to_its_end(self) -> None:
        """Run what is left of it. Raises STORAGE_ERRORS."""
        run_id = self.run["run_id"]
        # What a fork begins with is on its thread.
        given = None if self.run["origin"] == FORK else self._input()
        if self.number > 1:
            known = await self.graph.aget_state(self._config)
            if self.number > ATTEMPTS:
                logger.error("turn %s was started %d times and did not end", run_id, ATTEMPTS)
                said = f"it was started {ATTEMPTS} times and did not end"
                await self._record("broken", f"{said}; the log of the process says why")
                return
            logger.warning("resuming turn %s", run_id)
            if self._reached(known.values):
                # Not `next`: it leaves out a step whose writes are kept and whose checkpoint
                # is not.
                if not known.tasks:
                    return
                given = None
        async for event in self.graph.astream(
            given, self._config, stream_mode="custom", durability="sync"
        ):
            self._tell(event)

    def _tell(self, event: dict[str, Any]) -> None:
        told = {name: value for name, value in event.items() if name != "event"}
        if event["kind"] == "model":
            # What a model is asked repeats the whole conversation at each visit.
            told["request"] = None
        self.log.add(self.log.next(event["event"], told))

    async def state(self) -> Investigation:
        """The state that it ends with."""
        return cast(Investigation, (await self.graph.aget_state(self._config)).values)

    async def record_cancelled(self) -> None:
        """Say on the thread that it was cancelled, if its question got there."""
        if self._reached((await self.graph.aget_state(self._config)).values):
            await self._record("cancelled", "it was cancelled")

    async def _record(self, kind: str, said: str) -> None:
        """Answer the question with a failure."""
        known = await self.graph.aget_state(self._config)
        answer = AIMessage(
            f"The investigation could not be finished. {said}",
            id=f"{self.run['run_id']}:answer",
        )
        asked = [] if self._reached(known.values) else self._input()["messages"]
        failure = Failure(kind=kind, message=said, attempts=self.number - 1)
        recorded: dict[str, Any] = {
            "messages": [*asked, answer],
            "report": None,
            "failure": failure,
        }
        if known.values.get("turn", {}).get("id") != self.run["run_id"]:
            # Its first step was never kept: what is there is an earlier turn's.
            recorded |= {"spent": nothing_spent(), "enrichment": None}
        await self.graph.aupdate_state(self._config, recorded, "respond")

    @property
    def _config(self) -> RunnableConfig:
        return _config(self.run["run_id"], self.run["thread_id"], self.step_limit)

    @property
    def _question_id(self) -> str:
        return f"{self.run['run_id']}:question"

    def _input(self) -> dict[str, Any]:
        message = HumanMessage(self.run["question"], id=self._question_id)
        given = {name: self.run[name] for name in ("focus", "alert", "budgets")}
        return {"messages": [message], **given}

    def _reached(self, values: dict[str, Any]) -> bool:
        """Whether the question reached a checkpoint."""
        return any(message.id == self._question_id for message in values.get("messages", []))


def _config(run_id: str, thread_id: str, step_limit: int) -> RunnableConfig:
    return {
        "configurable": {"thread_id": thread_id},
        "run_id": UUID(run_id),
        "metadata": {"run_id": run_id},
        "recursion_limit": step_limit,
    }


def broken_off(run_id: str, error: BaseException | None) -> StateUnavailable:
    """What the readers of a turn are told that broke off with this error."""
    why = f"{type(error).__name__}: {error}".removesuffix(": ")
    if isinstance(error, asyncio.CancelledError):
        why = "this process is stopping"
    elif isinstance(error, STORAGE_ERRORS):
        why = f"the state cannot be written: {in_one_line(error)}"
    return StateUnavailable(
        f"turn {run_id} broke off, {why}; it goes on by itself, on its thread, when that is mended"
    )
