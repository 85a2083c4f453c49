"""The steps of a run, read from the checkpoints of its thread."""

from itertools import pairwise
from typing import Any, cast

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StateSnapshot

from graph.run import Run
from graph.state import Investigation

STEPS_LIMIT = 200
"""Checkpoints of one run that are read; the budgets allow fewer."""


class Snapshots:
    """The checkpoints of one run."""

    def __init__(self, graph: CompiledStateGraph[Any, Any, Any, Any], run: Run) -> None:
        self._graph = graph
        self._run = run
        self._thread: RunnableConfig = {"configurable": {"thread_id": run["thread_id"]}}

    async def steps(self) -> list[tuple[StateSnapshot, StateSnapshot]]:
        """Each step as the checkpoints before and after it, in order."""
        found = await self._newest_first(STEPS_LIMIT)
        in_order = found[::-1]
        return list(pairwise(in_order))

    async def state(self) -> Investigation:
        """The state that the run ended with, or stands at."""
        found = await self._newest_first(1)
        return cast(Investigation, found[0].values if found else {})

    async def _newest_first(self, limit: int) -> list[StateSnapshot]:
        history = self._graph.aget_state_history(
            self._thread, filter={"run_id": self._run["run_id"]}, limit=limit
        )
        return [snapshot async for snapshot in history]


def shown(
    number: int, before: StateSnapshot, after: StateSnapshot, *, in_full: bool = False
) -> dict[str, Any]:
    """A step as JSON; `in_full` with both states."""
    told = {
        "number": number,
        "checkpoint_id": after.config["configurable"]["checkpoint_id"],
        "nodes": [task.name for task in before.tasks],
        "at": after.created_at,
        "changed": sorted(
            name for name, value in after.values.items() if before.values.get(name) != value
        ),
    }
    if in_full:
        told |= {"before": plain(before.values), "after": plain(after.values)}
    return told


def plain(value: Any) -> Any:
    """A value of the state as JSON."""
    if isinstance(value, BaseMessage):
        return value.model_dump(mode="json", exclude={"artifact"})
    if isinstance(value, dict):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value
