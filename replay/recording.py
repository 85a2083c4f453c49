"""A recording: all that a run was and did, as JSON values, apart from any database.

A run is a row of segments. A segment begins at a state that was made outside of the graph: by
a question, by the hand-over to the analyst, by an edit. From there the graph went on by itself,
step by step; each step is kept as what it changed, so that every state can be built again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from langchain_core.messages import AnyMessage

from graph.codec import MESSAGES, canonical, decode_message
from graph.state import Exchange
from graph.tape import address

Of = Literal["turn", "enrichment"]
NODES = ("plan", "tool", "respond", "enrich")
State = Mapping[str, Any]
"""Channels as JSON, messages too."""
Change = Mapping[str, Any]
"""`{"value": …}`, or of a list `{"keep": how many of the first stay, "then": the rest}`."""


@dataclass(frozen=True)
class Step:
    """One step: the visits side by side, and what they changed."""

    visits: Sequence[str]
    """Addresses, such as `plan#2` or `tool#1.0`."""
    changes: Mapping[str, Change]
    following: Sequence[str]
    """The nodes of the next step, one name a visit; empty at the end."""
    at: str
    """When it was kept, ISO 8601, UTC."""

    @property
    def name(self) -> str:
        """Its address: `plan#2`, or `tool#1` for all calls of it."""
        return self.visits[0].partition(".")[0]

    @property
    def exchanges(self) -> list[Exchange]:
        """What it exchanged with the outside, in order."""
        change = self.changes.get("exchanges", {})
        return cast("list[Exchange]", list(change.get("then", [])))

    def result(self) -> str:
        """What is compared of it, as one text."""
        return canonical([list(self.visits), dict(self.changes), list(self.following)])


@dataclass(frozen=True)
class Segment:
    """A part of a run that the graph went through by itself."""

    of: Of
    start: State
    following: Sequence[str]
    """The nodes of its first step."""
    steps: Sequence[Step]
    at: str

    @property
    def exchanges(self) -> list[Exchange]:
        """All that was exchanged in it."""
        return [entry for step in self.steps for entry in step.exchanges]

    def states(self) -> Iterator[dict[str, Any]]:
        """The state that it started from, and the one after each step."""
        state = dict(self.start)
        yield state
        for step in self.steps:
            state = applied(state, step.changes)
            yield state

    def messages(self) -> dict[str, AnyMessage]:
        """Every message in it by its id, as it was last. Raises UnreadableValue."""
        kept = [*self.start.get(MESSAGES, [])]
        for step in self.steps:
            kept += step.changes.get(MESSAGES, {}).get("then", [])
        return {message["id"]: decode_message(message) for message in kept}


@dataclass(frozen=True)
class Recording:
    """A run with all its segments: those of the turn, then those of its enrichment."""

    run: Mapping[str, Any]
    """The columns of `graph.run.Run` that `KEPT` names."""
    segments: Sequence[Segment]

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return str(self.run["run_id"])

    def part(self, of: Of) -> list[Segment]:
        """The segments of the turn, or of the enrichment."""
        return [segment for segment in self.segments if segment.of == of]

    def exchanges(self) -> Iterator[tuple[str, Exchange]]:
        """Every exchange with its address."""
        for segment in self.segments:
            for entry in segment.exchanges:
                yield address(entry), entry


STEPS_LIMIT = 1000
"""Checkpoints of a recording, at most; far more than the budgets of a turn come to."""
KEPT = (
    "run_id",
    "thread_id",
    "status",
    "origin",
    "parent",
    "question",
    "asked_at",
    "ended_at",
    "root_cause",
    "reason",
    "visits",
    "tool_calls",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "seconds",
    "analyst_input_tokens",
    "analyst_output_tokens",
    "analyst_cost_usd",
)
"""Columns of a run's row that a recording keeps."""


def changes(before: State, after: State) -> dict[str, Change]:
    """What makes `after` of `before`; both as JSON."""
    found: dict[str, Change] = {}
    for name in sorted(after):
        now = after[name]
        then = before.get(name, [] if isinstance(now, list) else None)
        if name in before and now == then:
            continue
        if isinstance(now, list) and isinstance(then, list):
            keep = _common(then, now)
            found[name] = {"keep": keep, "then": now[keep:]}
        else:
            found[name] = {"value": now}
    return found


def applied(before: State, made: Mapping[str, Change]) -> dict[str, Any]:
    """The state after these changes."""
    after = dict(before)
    for name, change in made.items():
        if "keep" in change:
            after[name] = [*before.get(name, [])[: change["keep"]], *change["then"]]
        else:
            after[name] = change["value"]
    return after


def _common(one: Sequence[Any], other: Sequence[Any]) -> int:
    """How many of the first entries are equal."""
    number = 0
    for mine, yours in zip(one, other, strict=False):
        if mine != yours:
            break
        number += 1
    return number
