"""What became of each hint: only live evidence confirms or refutes one."""

import re

from lab.standin.hints import Hint
from lab.standin.kinds import UNKNOWN, kind_of
from lab.standin.reading import TurnSoFar
from lab.standin.trail import Trail
from lab.standin.verdict import Settled, Verdict

_CITED = 8
"""Ids of evidence given for one hint."""


def bears_out(hint: Hint, trail: Trail, verdict: Verdict) -> bool:
    """Whether the verdict, which rests on live evidence alone, is what the hint says."""
    if hint.is_calm:
        is_same = hint.component.lower() == trail.subject.lower()
        return is_same and _is_clear(verdict) and kind_of(verdict.summary) == hint.kinds[0]
    is_same = hint.component.lower() == verdict.component.lower()
    kind = kind_of(verdict.explanation)
    return verdict.certain and is_same and (kind in hint.kinds or hint.kinds == [UNKNOWN])


def settle(turn: TurnSoFar, trail: Trail, verdict: Verdict) -> list[Settled]:
    """Which hints are confirmed or refuted; the others stay unused.

    Refuted is only what was looked at itself, and only by a verdict that leaves nothing open.
    """
    found: list[Settled] = []
    for hint in turn.hints:
        looked = _looked_at(hint, turn)
        says_what = hint.kinds not in ([], [UNKNOWN])
        if bears_out(hint, trail, verdict):
            found.append((hint.id, "confirmed", _some([id_ for id_, _ in verdict.evidence])))
        elif says_what and looked and (verdict.certain or _is_clear(verdict)):
            path = [edge.evidence for edge in trail.degraded or trail.edges]
            found.append((hint.id, "refuted", _some([*path, *looked])))
    return found


def _is_clear(verdict: Verdict) -> bool:
    """Whether it says that nothing is wrong, and leaves nothing open."""
    return not verdict.component and verdict.confidence == "medium"


def _looked_at(hint: Hint, turn: TurnSoFar) -> list[str]:
    """The results that tell something about its component itself."""
    name = rf"(?<![\w.-]){re.escape(hint.component)}(?![\w-])"
    return [
        result.evidence
        for result in turn.results
        if result.evidence and not result.unread
        if result.name != "find_services"
        if any(re.search(name, str(value)) for value in result.args.values())
    ]


def _some(evidence: list[str]) -> list[str]:
    return list(dict.fromkeys(evidence))[:_CITED]
