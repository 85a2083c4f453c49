"""Reads the recording of a run from the checkpoints of its threads, on whatever saver."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StateSnapshot

from graph.codec import MESSAGES, encode_message
from graph.errors import UnreadableValue
from graph.receipts import enrichment_thread
from graph.run import STUDIO, Run
from replay.recording import KEPT, STEPS_LIMIT, Of, Recording, Segment, Step, changes

Graph = CompiledStateGraph[Any, Any, Any, Any]
_FROM_OUTSIDE = ("update", "fork")


@dataclass(frozen=True)
class Seen:
    """A checkpoint as it was read, or as it came by."""

    state: dict[str, Any]
    """Channels as JSON."""
    following: Sequence[str]
    at: str


@dataclass
class Encoder:
    """Encodes states that share messages, each message once."""

    _known: dict[int, tuple[BaseMessage, dict[str, Any]]] = field(default_factory=dict)

    def state(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The channels as JSON."""
        return {
            name: [self._message(message) for message in value] if name == MESSAGES else value
            for name, value in values.items()
        }

    def _message(self, message: BaseMessage) -> dict[str, Any]:
        # Kept with its message: an id is another object's as soon as its own is gone.
        known = self._known.get(id(message))
        if known is None:
            known = self._known[id(message)] = (message, encode_message(message))
        return known[1]


async def read(graph: Graph, run: Run | Mapping[str, Any]) -> Recording:
    """The recording of that run; one that runs is read as far as it got.

    Raises UnreadableValue for a state that holds what cannot be written, and for too many.
    """
    encoder = Encoder()
    turn = await _of_turn(graph, run)
    branch = await _snapshots(graph, enrichment_thread(str(run["run_id"])), None)
    segments = [*_segments("turn", turn, encoder), *_segments("enrichment", branch, encoder)]
    return Recording({name: run.get(name) for name in KEPT}, segments)


def step(before: Seen, after: Seen) -> Step:
    """What happened between two checkpoints."""
    return Step(
        visits=_addresses(before, after),
        changes=changes(before.state, after.state),
        following=after.following,
        at=after.at,
    )


def at_start(of: Of, seen: Seen) -> dict[str, Any]:
    """The state of a segment's start, without the tape of an earlier turn, which it replaces."""
    turn = seen.state.get("turn")
    asked = [entry["id"] for entry in seen.state.get(MESSAGES, []) if entry["type"] == "human"]
    begins = of == "turn" and (turn is None or [turn["message_id"]] != asked[-1:])
    return {
        name: value for name, value in seen.state.items() if not (begins and name == "exchanges")
    }


async def _snapshots(
    graph: Graph, thread_id: str, known: dict[str, Any] | None
) -> list[StateSnapshot]:
    """The checkpoints, the oldest first, from the one that the first step began with."""
    thread: RunnableConfig = {"configurable": {"thread_id": thread_id}}
    history = graph.aget_state_history(thread, filter=known, limit=STEPS_LIMIT + 1)
    found = [snapshot async for snapshot in history][::-1]
    if len(found) > STEPS_LIMIT:
        raise UnreadableValue(f"thread {thread_id} has more than {STEPS_LIMIT} steps to read")
    begun = [snapshot for snapshot in found if snapshot.next != ("__start__",)]
    if not begun or len(begun) < len(found) or _source(begun[0]) != "loop":
        return begun
    # It went on from a checkpoint that is another run's.
    parent = begun[0].parent_config
    return [await graph.aget_state(parent), *begun] if parent else begun


async def _of_turn(graph: Graph, run: Run | Mapping[str, Any]) -> list[StateSnapshot]:
    """The checkpoints of the run's turn, to its answer.

    One of LangGraph's server that stopped on its way goes on under another run's id, from an
    edit or as it was.
    """
    thread_id, run_id = str(run["thread_id"]), run["run_id"]
    own = await _snapshots(graph, thread_id, {"run_id": run_id})
    if run.get("origin") != STUDIO or not own or not own[-1].tasks:
        return own
    later: list[StateSnapshot] = []
    thread: RunnableConfig = {"configurable": {"thread_id": thread_id}}
    async for snapshot in graph.aget_state_history(thread):
        # The ids are in the order of time.
        if _id(snapshot.config) <= _id(own[-1].config):
            break
        if snapshot.values.get("turn", {}).get("id") == run_id:
            later.insert(0, snapshot)
    known = {_id(one.config): one for one in [*own, *later]}
    ends = [one for one in later if not one.tasks and _source(one) not in _FROM_OUTSIDE]
    path = [*ends[:1], *later[-1:], own[-1]][:1]
    while before := known.get(_id(path[0].parent_config)):
        path.insert(0, before)
    return path


def _segments(of: Of, snapshots: Sequence[StateSnapshot], encoder: Encoder) -> list[Segment]:
    parts: list[tuple[Seen, list[Step]]] = []
    known: dict[str, Seen] = {}
    before: Seen | None = None
    latest = ""

    def begun(seen: Seen) -> Seen:
        first = replace(seen, state=at_start(of, seen))
        parts.append((first, []))
        return first

    for snapshot in snapshots:
        seen, parent = _seen(snapshot, encoder), _id(snapshot.parent_config)
        if before is None or _source(snapshot) in _FROM_OUTSIDE:
            before = begun(seen)
        else:
            if parent != latest and parent in known:
                # It went on from an earlier one again.
                before = begun(known[parent])
            parts[-1][1].append(step(before, seen))
            before = seen
        latest = _id(snapshot.config)
        known[latest] = seen
    return [Segment(of, first.state, first.following, made, first.at) for first, made in parts]


def _seen(snapshot: StateSnapshot, encoder: Encoder) -> Seen:
    # Not `next`: it leaves out a visit whose writes are kept and whose step is not.
    following = [task.name for task in snapshot.tasks]
    return Seen(encoder.state(snapshot.values), following, snapshot.created_at or "")


def _id(config: RunnableConfig | None) -> str:
    """Of a checkpoint; empty where there is none."""
    return str((config or {}).get("configurable", {}).get("checkpoint_id", ""))


def _source(snapshot: StateSnapshot) -> str:
    return str((snapshot.metadata or {}).get("source"))


def _addresses(before: Seen, after: Seen) -> list[str]:
    """The visits of the step, by the names that their exchanges have."""
    found = []
    for index, name in enumerate(before.following):
        if name == "tool":
            found.append(f"tool#{before.state['spent']['visits']}.{index}")
        else:
            found.append(f"{name}#{after.state['visits'][name]}")
    return found
