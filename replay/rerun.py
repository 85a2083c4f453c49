"""Runs the current code on a recording, without anything live, and says where it differs."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import uuid4

from langchain_core.runnables import RunnableConfig

from graph.codec import decode_state
from graph.errors import UnreadableValue
from graph.setup import Setup, made_with
from graph.state import Exchange
from graph.tape import address, played_by
from replay.differences import difference
from replay.offline import offline_graph
from replay.player import Contents, TapePlayer
from replay.reading import Encoder, Graph, Seen, step
from replay.recording import Recording, Segment, State, Step, applied

Kind = Literal["same", "diverged", "state differs", "path differs", "leftover", "raised"]
STEP_LIMIT = 500
BEFORE = {"plan": "tool", "tool": "plan", "respond": "plan", "enrich": "respond"}
"""For each node one whose edge leads there when the state says so: as it, a state is put in."""
END_AS = "enrich"
"""Nothing comes after it."""


@dataclass(frozen=True)
class Verdict:
    """How a rerun compares with what was recorded."""

    kind: Kind
    at: str | None = None
    """The address of the first difference."""
    message: str = ""
    lines: Sequence[str] = ()
    """The difference, `-` as recorded, `+` now."""
    changed: Sequence[str] = ()
    """What is not as it was when it was recorded: code, prompts, packages, models."""
    exchanges: int = 0
    """How many were answered from the recording."""

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return self.kind == "same"


async def rerun(recording: Recording, *, accept: bool = False) -> tuple[Verdict, Recording]:
    """Run it again; the verdict, and what the current code makes of it, as far as it came.

    With `accept` requests and states may differ; only what was never recorded cannot be
    answered. Raises UnreadableValue for a recording that cannot be run.
    """
    if not recording.segments:
        raise UnreadableValue(f"run {recording.run_id} has no checkpoint: it never began")
    verdict, made = Verdict("same", changed=changed_since(recording)), []
    for segment in recording.segments:
        found, again = await _Rerun(segment, accept).run()
        made.append(again)
        count = verdict.exchanges + len(again.exchanges)
        verdict = replace(found, changed=verdict.changed, exchanges=count)
        if not verdict.same:
            break
    return verdict, replace(recording, segments=made)


def changed_since(recording: Recording) -> list[str]:
    """What differs of the code that is here from the code that made the recording."""
    known = [_setup(segment) for segment in recording.segments if segment.steps]
    if not known:
        return []
    then, now = known[0]["made_with"], made_with()
    lines = [f"code {then['code']} → {now['code']}"] if then["code"] != now["code"] else []
    for what in ("prompts", "packages"):
        one, other = then[what], now[what]
        lines += [
            f"{what[:-1]} {name} {one.get(name, 'none')} → {other.get(name, 'none')}"
            for name in sorted({*one, *other})
            if one.get(name) != other.get(name)
        ]
    return lines


def as_node(following: Sequence[str]) -> str:
    """The node as which a state is put in, so that these come next."""
    return BEFORE[following[0]] if following else END_AS


class _Rerun:
    """One segment, run again."""

    def __init__(self, segment: Segment, accept: bool) -> None:
        self._segment = segment
        self._accept = accept
        self._seen: list[Seen] = []
        self._steps: list[Step] = []
        texts = {
            key: text
            for entry in [*segment.start.get("exchanges", []), *segment.exchanges]
            for key, text in entry.get("texts", {}).items()
        }
        contents = Contents(segment.messages(), texts)
        self._player = TapePlayer(segment.exchanges, contents, accept=accept)

    async def run(self) -> tuple[Verdict, Segment]:
        segment = self._segment
        if not segment.steps:
            return Verdict("same"), segment
        graph = offline_graph(Setup.model_validate(_setup(segment)["settings"]))
        thread: RunnableConfig = {
            "configurable": {"thread_id": str(uuid4())},
            "recursion_limit": STEP_LIMIT,
        }
        try:
            state = decode_state(segment.start)
            await graph.aupdate_state(thread, state, as_node(segment.following))
            verdict = await self._played(graph, thread)
        finally:
            await graph.checkpointer.adelete_thread(thread["configurable"]["thread_id"])  # type: ignore[union-attr]
        return verdict, replace(segment, steps=self._steps)

    async def _played(self, graph: Graph, thread: RunnableConfig) -> Verdict:
        with played_by(self._player):
            task = asyncio.create_task(self._stream(graph, thread))
        await asyncio.wait({task})
        error = task.exception()
        found_before = task.result() if error is None else None
        if found_before and self._player.diverged is None:
            return found_before
        at = self._next_address()
        if found := self._player.diverged:
            return Verdict("diverged", found.at, str(found), found.lines)
        if isinstance(error, UnreadableValue):
            raise error
        if error is not None:
            return Verdict("raised", at, f"{type(error).__name__}: {error}")
        if left := self._player.left():
            return _leftover(left)
        return Verdict("same")

    async def _stream(self, graph: Graph, thread: RunnableConfig) -> Verdict | None:
        """Run it step by step; the first difference, None when there is none."""
        encoder, recorded = Encoder(), self._segment.steps
        first = await graph.aget_state(thread)
        before = Seen(encoder.state(first.values), [task.name for task in first.tasks], "")
        if list(before.following) != list(self._segment.following):
            lines = difference(list(self._segment.following), list(before.following))
            return Verdict("path differs", self._next_address(), "another node comes first", lines)
        begun = _checkpoint(first.config)
        async for found in graph.astream(None, thread, stream_mode="checkpoints"):
            if _checkpoint(found["config"]) == begun:
                continue
            number = len(self._steps)
            at = recorded[number].at if number < len(recorded) else ""
            following = [task["name"] for task in found["tasks"]]
            seen = Seen(encoder.state(found["values"]), following, at)
            self._steps.append(step(before, seen))
            before = seen
            if not self._accept and (verdict := self._compared()):
                return verdict
            if len(self._steps) == len(recorded) and recorded[-1].following:
                # It was broken off there.
                return None
        if len(self._steps) < len(recorded):
            return Verdict("path differs", self._next_address(), "it ends before this step")
        return None

    def _compared(self) -> Verdict | None:
        """Whether the latest step is as it was recorded."""
        number = len(self._steps) - 1
        now = self._steps[number]
        if number >= len(self._segment.steps):
            return Verdict("path differs", now.name, "a step that was not recorded")
        then = self._segment.steps[number]
        if then.result() == now.result():
            return None
        if list(then.visits) != list(now.visits):
            lines = difference(list(then.visits), list(now.visits))
            return Verdict("path differs", now.name, "other visits", lines)
        if then.changes != now.changes:
            return self._state_differs(number)
        lines = difference(list(then.following), list(now.following))
        return Verdict("path differs", now.name, "it goes on to another node", lines)

    def _state_differs(self, number: int) -> Verdict:
        then, now = self._segment.steps[number], self._steps[number]
        before = dict(self._segment.start)
        for earlier in self._segment.steps[:number]:
            before = applied(before, earlier.changes)
        one, other = applied(before, then.changes), applied(before, now.changes)
        names = [n for n in sorted({*one, *other}) if one.get(n) != other.get(n)]
        lines = [
            line
            for name in names
            for line in difference({name: one.get(name)}, {name: other.get(name)})
        ]
        at = _visit_of(then, one, other, names)
        return Verdict("state differs", at, f"{', '.join(names)} after this step", lines)

    def _next_address(self) -> str | None:
        number = len(self._steps)
        recorded = self._segment.steps
        return recorded[number].name if number < len(recorded) else None


def _visit_of(then: Step, one: State, other: State, names: Sequence[str]) -> str:
    """The visit of a step whose entry in a list differs; the step when that is not clear."""
    for name in names:
        mine, yours = one.get(name), other.get(name)
        if isinstance(mine, list) and isinstance(yours, list) and len(then.visits) > 1:
            for a, b in zip(mine, yours, strict=False):
                if a != b and isinstance(a, dict):
                    found = str(a.get("id") or a.get("message_id") or "").rpartition(":")[2]
                    return found if found in then.visits else then.name
    return then.visits[0] if len(then.visits) == 1 else then.name


def _checkpoint(config: RunnableConfig) -> str:
    return str(config["configurable"]["checkpoint_id"])


def _setup(segment: Segment) -> Mapping[str, Any]:
    """What the segment ran with. Raises UnreadableValue when that was not recorded."""
    fork = segment.start.get("fork")
    turn = segment.start.get("turn")
    entries = [*segment.exchanges[::-1], *segment.start.get("exchanges", [])[::-1]]
    known = [entry["response"] for entry in segment.exchanges if entry["kind"] == "setup"]
    if known:
        return known[0]  # type: ignore[no-any-return]
    if fork and turn and fork["run_id"] == turn["id"]:
        return fork["setup"]  # type: ignore[no-any-return]
    for entry in entries:
        if entry["kind"] == "setup":
            return entry["response"]  # type: ignore[no-any-return]
    raise UnreadableValue("it was recorded by a version that kept too little to run it again")


def _leftover(left: Sequence[Exchange]) -> Verdict:
    lines = [f"- {address(entry)} {entry['kind']} {entry['name']}" for entry in left]
    said = f"{len(left)} recorded exchanges were not asked for"
    return Verdict("leftover", address(left[0]), said, lines)
