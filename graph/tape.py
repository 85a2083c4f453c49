"""The tape: the one seam through which a node reaches anything outside its state.

Models, tools, memory, the clock, identities and the hand-over are all reached through
`exchange`, which records what was asked and what came back. `recorded` wraps a node and
returns the exchanges of the visit together with the node's own update, so that the tape is
written in the same checkpoint as the step, by whichever saver runs.

An exchange is addressed by node, visit and, side by side, index: never by a global order and
never by LangGraph's step number, which shifts when a run is forked. Inside an address it is
known by the digest of its request. Responses that are messages are kept by reference to the
message in the state, not twice. This module records; nothing is answered from a tape yet.
"""

import hashlib
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, TypeVar
from uuid import uuid4

from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from graph.observers import NOBODY, Observers
from graph.state import Exchange, Investigation, begins_turn

Value = TypeVar("Value")
Kind = Literal["model", "tool", "memory", "clock", "identity", "detach", "run"]
Update = dict[str, Any]
Node = Callable[[Any], Awaitable[Update]]


class RecordedNode(Protocol):
    """A node as LangGraph runs it."""

    async def __call__(self, state: Any, *, runtime: Runtime[Any]) -> Update:
        """Run one visit."""


@dataclass(frozen=True)
class Outcome:
    """What an exchange keeps of a value: JSON, and how it went."""

    response: Any
    status: Literal["ok", "no_data", "error"] = "ok"
    error: str | None = None
    measured: Mapping[str, Any] = field(default_factory=dict)
    """What observers are told beside; it is not kept."""


@dataclass
class Recorder:
    """The exchanges of one visit of a node."""

    node: str
    visit: int
    index: int | None = None
    run_id: str = ""
    thread_id: str = ""
    emit: Callable[[Any], None] = lambda _event: None
    exchanges: list[Exchange] = field(default_factory=list)
    observers: Observers = NOBODY


_recorder: ContextVar[Recorder | None] = ContextVar("recorder", default=None)


def digest(request: Any) -> str:
    """A short hash of a JSON-able value, independent of the order of its keys."""
    canonical = json.dumps(request, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(canonical.encode(), digest_size=12).hexdigest()


async def exchange(
    kind: Kind,
    name: str,
    request: Any,
    live: Callable[[], Awaitable[Value]],
    encode: Callable[[Value], Outcome] = Outcome,
) -> Value:
    """Do `live` and record it; also when it fails or is cancelled, which then goes on.

    `request` must be JSON-able and hold all that the answer depends on; `encode` says what is
    kept of the value. Outside a recorded node nothing is kept.
    """
    recorder = _recorder.get()
    if recorder is None:
        return await live()
    head = {
        "node": recorder.node,
        "visit": recorder.visit,
        "index": recorder.index,
        "kind": kind,
        "name": name,
    }
    recorder.emit({"event": "started", **head, "request": request})
    started = time.perf_counter()
    outcome: Outcome | None = None
    try:
        value = await live()
        outcome = encode(value)
        return value
    finally:
        outcome = outcome or Outcome(None, "error", _cause())
        entry = Exchange(
            node=recorder.node,
            visit=recorder.visit,
            index=recorder.index,
            kind=kind,
            name=name,
            digest=digest(request),
            request=request,
            response=outcome.response,
            status=outcome.status,
            error=outcome.error,
            seconds=round(time.perf_counter() - started, 4),
        )
        recorder.exchanges.append(entry)
        ended = {"status": entry["status"], "error": entry["error"], "seconds": entry["seconds"]}
        recorder.emit({"event": "ended", **head, **ended})
        recorder.observers.exchange_ended(entry, outcome.measured)


async def now() -> datetime:
    """The time, UTC, through the seam."""

    async def read() -> str:
        return datetime.now(UTC).isoformat()

    return datetime.fromisoformat(await exchange("clock", "now", {}, read))


async def identity() -> dict[str, str]:
    """The ids of the run and its thread, and a random word to fence untrusted text."""

    async def read() -> dict[str, str]:
        recorder = _recorder.get()
        known = recorder if recorder else Recorder(node="", visit=0)
        return {
            "run_id": known.run_id or str(uuid4()),
            "thread_id": known.thread_id,
            "boundary": uuid4().hex[:12],
        }

    return await exchange("identity", "run", {}, read)


def recorded(name: str, node: Node, observers: Observers = NOBODY) -> RecordedNode:
    """The node with its visits counted and its exchanges kept.

    The visit that begins a turn starts the tape anew: the channel holds one turn.
    """

    async def visit(state: Investigation, *, runtime: Runtime[Any]) -> Update:
        fresh = name == "plan" and begins_turn(state)
        visits = {} if fresh else state.get("visits", {})
        number = visits.get(name, 0) + 1
        recorder = Recorder(name, number, observers=observers)
        with _recording(recorder, runtime):
            update = await node(state)
        exchanges = Overwrite(recorder.exchanges) if fresh else recorder.exchanges
        return {**update, "visits": {**visits, name: number}, "exchanges": exchanges}

    return visit


def recorded_call(name: str, node: Node, observers: Observers = NOBODY) -> RecordedNode:
    """The node that runs one of several calls sent side by side, with its exchanges kept.

    The `visit` and `index` of its address come with the call, from the visit that sent it.
    """

    async def visit(state: Mapping[str, Any], *, runtime: Runtime[Any]) -> Update:
        recorder = Recorder(name, state["visit"], state["index"], observers=observers)
        with _recording(recorder, runtime):
            update = await node(state)
        return {**update, "exchanges": recorder.exchanges}

    return visit


@contextmanager
def _recording(recorder: Recorder, runtime: Runtime[Any]) -> Iterator[None]:
    execution = runtime.execution_info
    if execution:
        recorder.run_id = execution.run_id or ""
        recorder.thread_id = execution.thread_id or ""
    recorder.emit = runtime.stream_writer
    token = _recorder.set(recorder)
    try:
        yield
    finally:
        _recorder.reset(token)
        recorder.observers.visit_ended(recorder.node)


def _cause() -> str:
    error = sys.exc_info()[1]
    return f"{type(error).__name__}: {error}".removesuffix(": ")
