"""The tape: the one seam through which a node reaches anything outside its state.

Models, tools, memory, the clock, identities and the hand-over are all reached through
`exchange`, which records what was asked and what came back, in the `Recorder` of the visit that
`graph.visits` keeps.

An exchange is addressed by node, visit and, side by side, index: never by a global order and
never by LangGraph's step number, which shifts when a run is forked. Inside an address it is
known by the digest of its request. Responses that are messages are kept by reference to the
message in the state, not twice, where nothing can replace that message later.

While a `Player` plays, nothing live is done: it answers each exchange with the recorded one, or
raises.
"""

import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, Literal, Protocol, TypeVar
from uuid import uuid4

from langchain_core.messages import AnyMessage

from graph.codec import digest
from graph.observers import NOBODY, Observers
from graph.state import Exchange

Value = TypeVar("Value")
Kind = Literal["model", "tool", "memory", "clock", "identity", "setup", "detach", "run"]
Update = dict[str, Any]
TOLD: frozenset[Kind] = frozenset({"model", "tool", "memory", "detach"})
"""Kinds of exchanges that who follows a run is told of; the others are for the tape alone."""


class Recorded(Protocol):
    """What a recorded response may refer to."""

    def message(self, message_id: str) -> AnyMessage:
        """The recorded message of that id."""


class Player(Recorded, Protocol):
    """Answers from a tape."""

    def take(self, asked: Exchange, spelled: Callable[[], Any]) -> Exchange:
        """The recorded exchange that `asked` repeats; raises when there is none.

        `asked` has no response yet; `spelled` answers with its request in full, for people.
        """


@dataclass(frozen=True)
class Outcome:
    """What an exchange keeps of a value: JSON, and how it went."""

    response: Any
    status: Literal["ok", "no_data", "error"] = "ok"
    error: str | None = None
    measured: Mapping[str, Any] = field(default_factory=dict)


def _as_kept(response: Any, _recorded: Recorded) -> Any:
    return response


@dataclass(frozen=True)
class Form(Generic[Value]):
    """How a value is kept, and made again from what was kept."""

    encode: Callable[[Value], Outcome] = Outcome
    decode: Callable[[Any, Recorded], Value] = _as_kept


@dataclass(frozen=True)
class Digested:
    """A request with digests in place of long texts, and of what is in the state anyway."""

    request: Any
    texts: Mapping[str, str]
    """The long texts, by their digests."""
    spelled: Callable[[], Any]
    """Writes the request out in full, for people."""


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
    texts: set[str] = field(default_factory=set)
    """Digests of the texts that the turn's tape holds already."""

    @property
    def address(self) -> tuple[str, int, int | None]:
        """Node, visit and index, which all its exchanges have."""
        return self.node, self.visit, self.index

    def asked(self, kind: Kind, name: str, asked: Digested) -> Exchange:
        """The exchange that begins now."""
        entry = Exchange(
            node=self.node,
            visit=self.visit,
            index=self.index,
            kind=kind,
            name=name,
            digest=digest(asked.request),
            request=asked.request,
            response=None,
            status="error",
            error=None,
            seconds=0.0,
            measured={},
        )
        if new := {key: text for key, text in asked.texts.items() if key not in self.texts}:
            entry["texts"] = new
            self.texts |= new.keys()
        return entry


_recorder: ContextVar[Recorder | None] = ContextVar("recorder", default=None)
_player: ContextVar[Player | None] = ContextVar("player", default=None)


@contextmanager
def played_by(player: Player) -> Iterator[None]:
    """Let nodes that are visited in here be answered by the player, and by nothing else."""
    token = _player.set(player)
    try:
        yield
    finally:
        _player.reset(token)


def address(entry: Exchange) -> str:
    """Where an exchange belongs, such as `plan#2`, or `tool#1.0` for the first call of a step."""
    index = "" if entry["index"] is None else f".{entry['index']}"
    return f"{entry['node']}#{entry['visit']}{index}"


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Let what is exchanged in here be kept by the recorder."""
    token = _recorder.set(recorder)
    try:
        yield
    finally:
        _recorder.reset(token)


async def exchange(
    kind: Kind,
    name: str,
    request: Any,
    live: Callable[[], Awaitable[Value]],
    form: Form[Value] = Form(),
) -> Value:
    """Do `live` and record it; also when it fails or is cancelled, which then goes on.

    `request` must be JSON-able and hold all that the answer depends on, or be `Digested`.
    `form` says what is kept of the value. Outside a recorded node nothing is kept.
    """
    recorder = _recorder.get()
    if recorder is None:
        return await live()
    asked = request if isinstance(request, Digested) else Digested(request, {}, lambda: request)
    entry = recorder.asked(kind, name, asked)
    head = _some(entry, "node", "visit", "index", "kind", "name")
    if kind in TOLD:
        recorder.emit({"event": "started", **head, "request": asked.request})
    try:
        if player := _player.get():
            entry = player.take(entry, asked.spelled)
            return _made_again(entry, form, player)
        return await _done(entry, live, form)
    finally:
        recorder.exchanges.append(entry)
        if kind in TOLD:
            recorder.emit({"event": "ended", **head, **_some(entry, "status", "error", "seconds")})
        recorder.observers.exchange_ended(entry)


async def _done(entry: Exchange, live: Callable[[], Awaitable[Value]], form: Form[Value]) -> Value:
    started = time.perf_counter()
    outcome: Outcome | None = None
    try:
        value = await live()
        outcome = form.encode(value)
        return value
    finally:
        outcome = outcome or Outcome(None, "error", _cause())
        entry["response"] = outcome.response
        entry["status"] = outcome.status
        entry["error"] = outcome.error
        entry["measured"] = dict(outcome.measured)
        entry["seconds"] = round(time.perf_counter() - started, 4)


def _made_again(entry: Exchange, form: Form[Value], player: Player) -> Value:
    """The value that the exchange had, or what was raised instead."""
    if entry["status"] != "error" or entry["response"] is not None:
        return form.decode(entry["response"], player)
    name, _, text = (entry["error"] or "").partition(": ")
    if name == "CancelledError":
        # Only a guard round the call ends it and lets the visit go on, by its TimeoutError.
        raise TimeoutError
    # By its name alone: nothing is imported for a tape's sake.
    raise type(name if name.isidentifier() else "Error", (Exception,), {})(text)


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


async def keep_setup(setup: dict[str, Any]) -> None:
    """Keep what the code, its settings and its packages are, for who plays the tape later."""

    async def read() -> dict[str, Any]:
        return setup

    await exchange("setup", "graph", {}, read)


def _some(entry: Exchange, *names: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name in names}


def _cause() -> str:
    error = sys.exc_info()[1]
    return f"{type(error).__name__}: {error}".removesuffix(": ")
