"""Runs the current code on a recording, without anything live, and says where it differs."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import cast
from uuid import uuid4

from langchain_core.runnables import RunnableConfig
from langgraph.graph import START

from graph.codec import MESSAGES, decode_state
from graph.errors import UnreadableValue
from graph.question import begins_turn
from graph.settings import StateSettings
from graph.setup import Setup
from graph.state import Investigation
from graph.tape import address, played_by
from replay.reading import Encoder, Graph, Seen, step
from replay.recording import STEPS_LIMIT, Recording, Segment, State, Step
from replay.running.comparison import compared, leftover, next_nodes
from replay.running.offline import WentLive, offline_graph
from replay.running.player import Contents, Diverged, TapePlayer
from replay.running.since import changed_since, setup_of
from replay.running.swallowed import noting_errors
from replay.running.verdict import Verdict, raised

BEFORE = {"plan": "tool", "tool": "plan", "respond": "plan", "enrich": "respond"}
"""For each node one whose edge leads there when the state says so: as it, a state is put in."""
END_AS = "enrich"
"""Nothing comes after it."""
TIME_LIMIT_S = 300.0
"""Of a whole rerun. One takes a fraction of a second; a file from elsewhere can ask for more."""
ENDS_IT = ("diverged", "raised")
"""Verdicts after which there is nothing to go on with, also where differences are accepted."""


async def rerun(
    recording: Recording, *, accept: bool = False, settings: StateSettings | None = None
) -> tuple[Verdict, Recording]:
    """Run it again; the verdict, and what the current code makes of it, as far as it came.

    With `accept` requests and states may differ, and less may be asked; only what was never
    recorded cannot be answered. The verdict also tells what these settings, or else those of the
    environment, would change. Raises UnreadableValue for a recording that cannot be run.
    """
    if not recording.segments:
        raise UnreadableValue(f"run {recording.run_id} has no checkpoint: it never began")
    try:
        async with asyncio.timeout(TIME_LIMIT_S):
            verdict, made = await _rerun(recording, accept)
    except TimeoutError:
        raise UnreadableValue(
            f"run {recording.run_id} did not come to its end again in {TIME_LIMIT_S:g} s"
        ) from None
    return replace(verdict, changed=changed_since(recording, settings)), made


async def _rerun(recording: Recording, accept: bool) -> tuple[Verdict, Recording]:
    verdict, made, count = Verdict("same"), [], 0
    branch = recording.part("enrichment")
    recorded = branch[0].start if branch else None
    handed: State | None = None
    for segment in recording.segments:
        begun = segment
        if handed and segment.of == "enrichment":
            begun = _begun_with(segment, handed)
        again = _Rerun(begun, recorded, accept)
        found, result = await again.run()
        handed = again.handed or handed
        made.append(result)
        count += len(result.exchanges)
        verdict = found if verdict.same else verdict
        if not found.same and (not accept or found.kind in ENDS_IT):
            verdict = found
            break
    return replace(verdict, exchanges=count), replace(recording, segments=made)


def as_node(following: Sequence[str]) -> str:
    """The node as which a state is put in, so that these come next."""
    return BEFORE[following[0]] if following else END_AS


class _Rerun:
    """One segment, run again."""

    def __init__(self, segment: Segment, recorded: State | None, accept: bool) -> None:
        self._segment = segment
        self._accept = accept
        self._steps: list[Step] = []
        self._contents = Contents.of(segment, recorded)
        self._player = TapePlayer(segment.exchanges, self._contents, accept=accept)

    @property
    def handed(self) -> State | None:
        """What the code hands over to the analyst now, where that was accepted."""
        return self._player.handed

    async def run(self) -> tuple[Verdict, Segment]:
        segment = self._segment
        if not segment.steps:
            return Verdict("same"), segment
        graph = offline_graph(Setup.model_validate(setup_of(segment)["settings"]))
        thread: RunnableConfig = {
            "configurable": {"thread_id": str(uuid4())},
            "recursion_limit": STEPS_LIMIT,
        }
        try:
            verdict = await self._played(graph, thread)
        finally:
            await graph.checkpointer.adelete_thread(thread["configurable"]["thread_id"])  # type: ignore[union-attr]
        return verdict, replace(segment, steps=self._steps)

    async def _entered(self, graph: Graph, thread: RunnableConfig) -> Verdict | None:
        """Put the state in, so that the segment's first nodes come next; the verdict if not."""
        following = list(self._segment.following)
        state = decode_state(self._segment.start)
        begins = following == ["plan"] and begins_turn(cast(Investigation, state))
        name = END_AS if begins else as_node(following)
        missing = [node for node in (name, *following) if node not in graph.nodes]
        if missing:
            said = f"the current code has no node {missing[0]!r}"
            return Verdict("path differs", self._next_address(), said)
        await graph.aupdate_state(thread, state, name)
        if begins:
            # As a question comes in; no other node need lead there.
            await graph.aupdate_state(thread, {}, START)
        found = [task.name for task in (await graph.aget_state(thread)).tasks]
        if found == following:
            return None
        lines = next_nodes(following, found)
        return Verdict("path differs", self._next_address(), "it begins with another node", lines)

    async def _played(self, graph: Graph, thread: RunnableConfig) -> Verdict:
        with played_by(self._player), noting_errors() as noted:
            task = asyncio.create_task(self._went(graph, thread))
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            await asyncio.wait({task})
        error = task.exception()
        found = task.result() if error is None else None
        first = next((each for each in noted if not self._was_recorded(each)), None)
        at = found.at if found else self._next_address()
        diverged = self._player.diverged
        differs = found or diverged or error or isinstance(first, WentLive)
        if first and differs and not isinstance(first, Diverged):
            # A node swallowed it, and what differs comes of it.
            return raised(at, first)
        if diverged:
            return Verdict("diverged", diverged.at, str(diverged), diverged.lines)
        if isinstance(error, UnreadableValue):
            raise error
        if error is not None:
            return raised(at, error)
        return found or leftover(self._player.left(), self._contents) or Verdict("same")

    async def _went(self, graph: Graph, thread: RunnableConfig) -> Verdict | None:
        # Edges are the code's too: what they raise is a verdict.
        return await self._entered(graph, thread) or await self._stream(graph, thread)

    async def _stream(self, graph: Graph, thread: RunnableConfig) -> Verdict | None:
        """Run it step by step; the first difference, None when there is none."""
        encoder, recorded = Encoder(), self._segment.steps
        first = await graph.aget_state(thread)
        before = Seen(encoder.state(first.values), [task.name for task in first.tasks], "")
        begun = _checkpoint(first.config)
        async for found in graph.astream(None, thread, stream_mode="checkpoints"):
            if _checkpoint(found["config"]) == begun:
                continue
            at = recorded[min(len(self._steps), len(recorded) - 1)].at
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
        """Whether the latest step is as it was recorded, and asked for all that was."""
        visits = self._steps[-1].visits
        left = [entry for entry in self._player.left() if address(entry) in visits]
        return leftover(left, self._contents) or compared(self._segment, self._steps)

    def _was_recorded(self, error: BaseException) -> bool:
        """Whether it was swallowed when the run was recorded too: its receipt says so."""
        receipts = [step.changes.get("enrichment", {}).get("value") for step in self._segment.steps]
        said = f"{type(error).__name__}: {error}"
        return any(receipt and receipt["reason"] == said for receipt in receipts)

    def _next_address(self) -> str | None:
        number = len(self._steps)
        recorded = self._segment.steps
        return recorded[number].name if number < len(recorded) else None


def _checkpoint(config: RunnableConfig) -> str:
    return str(config["configurable"]["checkpoint_id"])


def _begun_with(segment: Segment, handed: State) -> Segment:
    """The segment, begun with what the code hands over to the analyst now."""
    now = {message["id"]: message for message in handed[MESSAGES]}
    begun = segment.start.get(MESSAGES, [])
    messages = [now.get(message["id"], message) for message in begun]
    return replace(segment, start={**segment.start, **handed, MESSAGES: messages})
