"""Visits of nodes: counted, and returned with what they exchanged with the outside.

The exchanges of a visit come back with the node's own update, so that the tape is written in
the same checkpoint as the step, by whichever saver runs.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from langgraph.runtime import Runtime

from graph.observers import NOBODY, Observers
from graph.packed import packed
from graph.question import begins_turn
from graph.state import Investigation
from graph.tape import Recorder, Update, recording

Node = Callable[[Any], Awaitable[Update]]


class RecordedNode(Protocol):
    """A node as LangGraph runs it."""

    async def __call__(self, state: Any, *, runtime: Runtime[Any]) -> Update:
        """Run one visit."""


def recorded(name: str, node: Node, observers: Observers = NOBODY) -> RecordedNode:
    """The node with its visits counted and its exchanges kept.

    The visit that begins a turn starts the tape anew: the channel holds one turn.
    """

    async def visit(state: Investigation, *, runtime: Runtime[Any]) -> Update:
        fresh = name == "plan" and begins_turn(state)
        visits = {} if fresh else state.get("visits", {})
        number = visits.get(name, 0) + 1
        texts = set() if fresh else _texts(state)
        recorder = Recorder(name, number, observers=observers, texts=texts)
        with _visited(recorder, runtime):
            update = await node(state)
        exchanges = packed(recorder.address, recorder.exchanges, anew=fresh)
        return {**update, "visits": {**visits, name: number}, "exchanges": exchanges}

    return visit


def recorded_call(name: str, node: Node, observers: Observers = NOBODY) -> RecordedNode:
    """The node that runs one of several calls sent side by side, with its exchanges kept.

    The `visit` and `index` of its address come with the call, from the visit that sent it.
    """

    async def visit(state: Mapping[str, Any], *, runtime: Runtime[Any]) -> Update:
        recorder = Recorder(name, state["visit"], state["index"], observers=observers)
        with _visited(recorder, runtime):
            update = await node(state)
        exchanges = packed(recorder.address, recorder.exchanges, anew=False)
        return {**update, "exchanges": exchanges}

    return visit


@contextmanager
def _visited(recorder: Recorder, runtime: Runtime[Any]) -> Iterator[None]:
    execution = runtime.execution_info
    if execution:
        recorder.run_id = execution.run_id or ""
        recorder.thread_id = execution.thread_id or ""
    recorder.emit = runtime.stream_writer
    try:
        with recording(recorder):
            yield
    finally:
        recorder.observers.visit_ended(recorder.node)


def _texts(state: Investigation) -> set[str]:
    return {key for entry in state.get("exchanges", []) for key in entry.get("texts", {})}
