"""Where a run can be gone on from: each step that it did, and the one that it never finished."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from graph.codec import MESSAGES
from graph.errors import NetForgeError, UnreadableValue
from replay.recording import Of, Recording, State
from replay.running.rerun import BEFORE

_NEEDED: Mapping[Of, Sequence[str]] = {
    "turn": (MESSAGES, "turn", "spent", "recalled"),
    "enrichment": (MESSAGES, "turn", "evidence"),
}
"""Channels that the nodes take for granted, once the turn has begun."""


class ForkRefused(NetForgeError):
    """There is no such step, or it cannot be gone on from like this."""


@dataclass(frozen=True)
class Point:
    """A step of a run, and what was there before it."""

    at: str
    """Its address, such as `plan#2`."""
    of: Of
    state: State
    following: Sequence[str]
    """The nodes of the step, one name a visit."""
    time: str
    """When the step began, ISO 8601, UTC."""

    @property
    def begins(self) -> bool:
        """Whether the step takes the question up: the state has nothing of the turn yet."""
        return self.of == "turn" and _begins(self.state)

    @property
    def begun_at(self) -> datetime:
        """When the step began. Raises UnreadableValue."""
        try:
            return datetime.fromisoformat(self.time).astimezone(UTC)
        except ValueError:
            raise UnreadableValue(f"the recording does not say when {self.at} began") from None

    def problem(self, run_id: str) -> str | None:
        """What the state lacks for the step to be done by that run; None when it is whole."""
        state = self.state
        needed = (MESSAGES,) if self.begins else _NEEDED[self.of]
        if lacking := [name for name in needed if name not in state]:
            return f"the state before {self.at} lacks {', '.join(lacking)}"
        if question_id(state) is None:
            return f"the state before {self.at} holds no question"
        if not self.begins and state["turn"]["id"] != run_id:
            return f"the state before {self.at} is another run's"
        there = {message.get("id") for message in state[MESSAGES]}
        for entry in state.get("evidence", []) if self.of == "turn" else []:
            if (missing := entry["message_id"]) not in there:
                return f"the state before {self.at} lacks message {missing} of {entry['id']}"
        return None


def point_of(recording: Recording, at: str) -> Point:
    """The point before the step of that name; the latest, when it was done twice.

    Raises ForkRefused with the steps that there are, UnreadableValue.
    """
    known = {point.at: point for point in _points(recording)}
    if not known:
        raise ForkRefused(f"run {recording.run_id} has no checkpoint: it never began")
    if at not in known:
        raise ForkRefused(f"run {recording.run_id} has no step {at!r}; it has {', '.join(known)}")
    point = known[at]
    if not point.following or point.following[0] not in BEFORE:
        raise UnreadableValue(f"nothing leads to {at} in the recording")
    if problem := point.problem(recording.run_id):
        raise UnreadableValue(problem)
    return point


def question_id(state: State) -> str | None:
    """The id of the latest human message."""
    asked = [entry.get("id") for entry in state.get(MESSAGES, []) if entry["type"] == "human"]
    return asked[-1] if asked else None


def _points(recording: Recording) -> Iterator[Point]:
    for segment in recording.segments:
        following, time = segment.following, segment.at
        states = segment.states()
        for step in segment.steps:
            yield Point(step.name, segment.of, next(states), following, time)
            following, time = step.following, step.at
        state = next(states)
        if following:
            # It was never finished.
            name = _next_name(segment.of, state, following[0])
            yield Point(name, segment.of, state, following, time)


def _next_name(of: Of, state: State, node: str) -> str:
    """The address that the step after this state would have had."""
    if node == "tool":
        return f"tool#{state.get('spent', {}).get('visits')}"
    visits = {} if of == "turn" and _begins(state) else state.get("visits", {})
    return f"{node}#{visits.get(node, 0) + 1}"


def _begins(state: State) -> bool:
    turn = state.get("turn")
    return turn is None or turn["message_id"] != question_id(state)
