"""Whether a step is as it was recorded, and if not, where and how it differs."""

from collections.abc import Sequence

from graph.state import Exchange
from graph.tape import address
from replay.recording import Segment, Step, applied
from replay.running.player import Contents, in_full
from replay.running.verdict import Verdict
from replay.telling.brief import counted
from replay.telling.differences import LINES_LIMIT
from replay.telling.request_difference import request_lines
from replay.telling.state_difference import differing, state_difference, visit_that_differs

END = "the end"


def compared(segment: Segment, made: Sequence[Step]) -> Verdict | None:
    """The verdict on the latest of the steps that were made; None when it is as recorded."""
    number = len(made) - 1
    now = made[number]
    if number >= len(segment.steps):
        return Verdict("path differs", now.name, "a step that was not recorded")
    then = segment.steps[number]
    if then.result() == now.result():
        return None
    if list(then.visits) != list(now.visits):
        lines = [f"-{', '.join(then.visits)}", f"+{', '.join(now.visits)}"]
        return Verdict("path differs", now.name, "other visits than recorded", lines)
    if then.changes != now.changes:
        return _state_differs(segment, number, now)
    lines = next_nodes(then.following, now.following)
    return Verdict("path differs", now.name, "it goes on to another node", lines)


def leftover(left: Sequence[Exchange], contents: Contents) -> Verdict | None:
    """The verdict on what was recorded and not asked for; None when there is nothing."""
    if not left:
        return None
    first = left[0]
    what = f"{first['kind']} {first['name']} is recorded there and not asked for"
    near = left[:LINES_LIMIT]
    lines = [f"-{line}" for entry in near for line in _asked(entry, first, contents)]
    if len(near) < len(left):
        lines.append(f"[{len(left) - len(near)} more exchanges]")
    return Verdict("leftover", address(first), what, lines)


def next_nodes(then: Sequence[str], now: Sequence[str]) -> list[str]:
    """The lines that say which nodes come next."""
    return [f"-next: {counted(then) or END}", f"+next: {counted(now) or END}"]


def _asked(entry: Exchange, first: Exchange, contents: Contents) -> list[str]:
    lines = request_lines(entry["kind"], entry["name"], in_full(entry, contents))
    return lines if address(entry) == address(first) else [f"{address(entry)} {lines[0]}"]


def _state_differs(segment: Segment, number: int, now: Step) -> Verdict:
    then = segment.steps[number]
    before = dict(segment.start)
    for earlier in segment.steps[:number]:
        before = applied(before, earlier.changes)
    one, other = applied(before, then.changes), applied(before, now.changes)
    at = then.visits[0] if len(then.visits) == 1 else None
    at = at or visit_that_differs(then.visits, one, other) or then.name
    said = f"{', '.join(differing(one, other))} not as recorded after it"
    return Verdict("state differs", at, said, state_difference(one, other))
