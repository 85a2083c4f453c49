"""How the stand-in judges: the most telling cause of all suspects, or why there is none."""

import re
from collections.abc import Iterator

from lab.standin.causes import Verdict, causes
from lab.standin.reading import TurnSoFar
from lab.standin.trail import Trail

_EDITED = re.compile(r"monitor\b.*\b(?:edited|changed|modified|created|threshold)", re.IGNORECASE)


def judge(turn: TurnSoFar, trail: Trail, suspects: list[str]) -> Verdict:
    """The verdict on the most telling suspect; no cause when nothing is degraded or unwell."""
    unknown = not_known(turn)
    weighed = [
        (weight + _suffering(trail, name), verdict)
        for name in suspects
        for weight, verdict in (*causes(turn, trail, name), *_end_without_reason(trail, name))
    ]
    if not weighed:
        return _nothing_found(turn, trail, unknown)
    _, verdict = max(weighed, key=lambda entry: entry[0])
    path = sorted(trail.degraded, key=lambda edge: edge.evidence)
    verdict.summary = _summary(trail, verdict)
    verdict.evidence += [(edge.evidence, str(edge)) for edge in path]
    verdict.ruled_out = list(_ruled_out(turn, trail, verdict.component))
    verdict.open_questions = unknown
    for result in turn.of("find_blast_radius", name=verdict.component):
        verdict.blast_radius = [row["name"] for row in result.rows]
        if result.status == "ok":
            depend = f"{len(verdict.blast_radius)} components depend on {verdict.component}"
            verdict.evidence.append((result.evidence, depend))
    return verdict


def not_known(turn: TurnSoFar) -> list[str]:
    """What the failed calls leave open, one sentence for each tool."""
    names = dict.fromkeys(result.name for result in turn.failed)
    return [f"{name} failed: what it would show is not known" for name in names]


def _suffering(trail: Trail, name: str) -> float:
    """How many times their baseline the calls to it take; capped, to weigh less than a cause."""
    times = (edge.p99_ms / max(edge.baseline_ms, 1) for edge in trail.into(name))
    return min(19.0, max(times, default=0.0))


def _end_without_reason(trail: Trail, name: str) -> Iterator[tuple[int, Verdict]]:
    if name in trail.ends:
        explanation = f"Its callers wait for {name}; why {name} is slow is not visible from here."
        yield 0, Verdict(component=name, explanation=explanation, confidence="medium")


def _summary(trail: Trail, verdict: Verdict) -> str:
    cause = verdict.component
    if cause == trail.subject:
        return (
            f"{trail.subject} is slow by itself: its callers suffer, what it calls does not."
            if trail.degraded
            else f"{trail.subject} itself does not run as it should."
        )
    if any(cause in (edge.source, edge.target) for edge in trail.degraded):
        return f"{trail.subject} suffers from {cause}, which it reaches by degraded calls."
    if trail.degraded:
        return f"{trail.subject} suffers from {cause}, which no call of it leads to."
    return f"{trail.subject} suffers from {cause}, although no call is degraded."


def _nothing_found(turn: TurnSoFar, trail: Trail, unknown: list[str]) -> Verdict:
    looks = turn.of("get_topology")
    shows = {
        "ok": f"no call from or to {trail.subject} is degraded",
        "no_data": f"no call from or to {trail.subject} is known",
    }
    if any(result.unread for result in looks):
        summary = f"No cause was found for {trail.subject}: the topology could not be read."
    elif not trail.edges:
        summary = f"No cause was found for {trail.subject}: no call from or to it is known."
    else:
        summary = (
            f"Nothing around {trail.subject} is degraded: every call it makes or gets is near "
            "its own baseline."
        )
    alerts = list(_edited_monitors(turn, trail.subject)) if trail.edges else []
    return Verdict(
        summary=" ".join([summary, *(said for _, said in alerts)]),
        confidence="medium" if trail.edges and not unknown else "low",
        evidence=[
            *((result.evidence, f"{result.name} failed") for result in turn.failed),
            *((result.evidence, shows[result.status]) for result in looks if not result.unread),
            *alerts,
        ],
        open_questions=unknown or ["Is the symptom still there, and where was it seen?"],
    )


def _edited_monitors(turn: TurnSoFar, subject: str) -> Iterator[tuple[str, str]]:
    """Changes of what watches the subject: an alert may come from there."""
    for result in turn.of("list_changes"):
        for row in result.rows:
            told = f"{row['kind']} {row['detail']}"
            if _EDITED.search(told) and row["component"] in (subject, "-"):
                yield result.evidence, f"At {row['at']} a monitor was changed: {row['detail']}."


def _ruled_out(turn: TurnSoFar, trail: Trail, cause: str) -> Iterator[tuple[str, str]]:
    """Recently deployed components that the symptom does not run through, and other steps."""
    on_trail = {edge.source for edge in trail.degraded} | {edge.target for edge in trail.degraded}
    for result in turn.of("list_changes"):
        deployed = [row["component"] for row in result.rows if row["kind"] == "deployment"]
        for name in dict.fromkeys(deployed):
            if name == cause:
                continue
            why = (
                "it suffers from what it calls, or what runs beside it"
                if name in on_trail
                else "not on the path of the symptom"
            )
            yield name, f"deployed recently, but {why} ({result.evidence})"
