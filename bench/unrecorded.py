"""The graph without its tape: what recording is measured against."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from langgraph.runtime import get_runtime

from graph import build
from graph.models import port
from graph.nodes import plan
from graph.question import begins_turn
from graph.tape import Update

Node = Callable[[Any], Awaitable[Update]]


@contextmanager
def unrecorded() -> Iterator[None]:
    """Let graphs that are built in here count their visits, and neither keep nor tell the rest."""
    with patch.object(build, "recorded", _counted), patch.object(build, "recorded_call", _plain):
        yield


def _counted(name: str, node: Node, _observers: Any) -> Node:
    async def visit(state: Any) -> Update:
        visits = {} if name == "plan" and begins_turn(state) else state.get("visits", {})
        # Outside of a recorded visit nobody knows the run, and no request is looked at. Nothing
        # else runs meanwhile: the turns are measured one by one.
        with patch.object(plan, "identity", _identity), patch.object(port, "digest", _no_digest):
            update = await node(state)
        return {**update, "visits": {**visits, name: visits.get(name, 0) + 1}}

    return visit


def _plain(_name: str, node: Node, _observers: Any) -> Node:
    async def visit(state: Any) -> Update:
        return await node(state)

    return visit


def _no_digest(_value: Any) -> str:
    return ""


async def _identity() -> dict[str, str]:
    running = get_runtime().execution_info
    assert running is not None
    return {
        "run_id": running.run_id or "",
        "thread_id": running.thread_id or "",
        "boundary": uuid4().hex[:12],
    }
