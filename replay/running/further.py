"""Everything in which a recording that is to be accepted differs from the one before it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from graph.state import Exchange
from graph.tape import address
from replay.recording import Recording, Segment, Step
from replay.running.comparison import next_nodes
from replay.running.player import Contents, in_full
from replay.running.verdict import Verdict
from replay.telling.differences import limited
from replay.telling.request_difference import request_difference
from replay.telling.state_difference import state_difference

NO_STEP = Step((), {}, (), "")
LINES_LIMIT = 200
LINES_OF_ONE = 12
"""Lines of one difference that are told; `rerun` tells all of the first."""


@dataclass(frozen=True)
class Difference:
    """One place at which they differ."""

    at: str
    what: str
    lines: Sequence[str]

    @property
    def changed(self) -> set[str]:
        """Its lines that differ, without their neighbours."""
        return {line for line in self.lines if line[:1] in ("-", "+")}


def further(before: Recording, after: Recording, first: Verdict) -> list[str]:
    """The lines of all differences but the first; of one with known lines only the place."""
    known = Difference("", "", first.lines).changed
    lines: list[str] = []
    repeated: list[str] = []
    for difference in _differences(before, after):
        if difference.changed <= known:
            repeated.append(difference.at)
            continue
        known |= difference.changed
        told = [f"  {line}" for line in difference.lines]
        lines += [f"and {difference.at}: {difference.what}", *limited(told, LINES_OF_ONE)]
    places = [at for at in dict.fromkeys(repeated) if at != str(first.at).partition(".")[0]]
    if places:
        lines.append(f"and the same at {', '.join(places)}")
    return limited(lines, LINES_LIMIT)


def _differences(before: Recording, after: Recording) -> Iterator[Difference]:
    branches = [recording.part("enrichment") for recording in (before, after)]
    handed = [branch[0].start if branch else None for branch in branches]
    for one, other in zip(before.segments, after.segments, strict=True):
        mine, yours = Contents.of(one, handed[0]), Contents.of(other, handed[1])
        for then, now in _steps(one, other):
            yield from _requests(then, now, mine, yours)
            yield from _states(then, now)


def _steps(one: Segment, other: Segment) -> Iterator[tuple[Step, Step]]:
    for number in range(max(len(one.steps), len(other.steps))):
        then, now = (
            part.steps[number] if number < len(part.steps) else NO_STEP for part in (one, other)
        )
        if then != now:
            yield then, now


def _requests(then: Step, now: Step, mine: Contents, yours: Contents) -> Iterator[Difference]:
    waiting: dict[tuple[Any, ...], list[Exchange]] = {}
    for entry in now.exchanges:
        waiting.setdefault(_place(entry), []).append(entry)
    for entry in then.exchanges:
        at, what = address(entry), f"{entry['kind']} {entry['name']}"
        if not (like := waiting.get(_place(entry))):
            yield Difference(at, f"{what} is not asked for any more", [])
            continue
        asked = like.pop(0)
        if asked["digest"] != entry["digest"]:
            one, other = in_full(entry, mine), in_full(asked, yours)
            lines = request_difference(entry["kind"], one, other)
            yield Difference(at, f"{what} is asked for something else", lines)


def _states(then: Step, now: Step) -> Iterator[Difference]:
    at = (now if then is NO_STEP else then).name
    if list(then.visits) != list(now.visits):
        lines = [f"-{', '.join(then.visits)}", f"+{', '.join(now.visits)}"]
        yield Difference(at, "other visits", lines)
    one, other = _written(then), _written(now)
    if one != other:
        yield Difference(at, "other values", state_difference(one, other))
    if list(then.following) != list(now.following):
        lines = next_nodes(then.following, now.following)
        yield Difference(at, "it goes on to another node", lines)


def _written(step: Step) -> dict[str, Any]:
    """What a step wrote, beside its exchanges."""
    return {
        name: change["then"] if "keep" in change else change["value"]
        for name, change in step.changes.items()
        if name != "exchanges"
    }


def _place(entry: Exchange) -> tuple[Any, ...]:
    return address(entry), entry["kind"], entry["name"]
