"""How the stand-in judges: the most telling cause of all suspects, or why there is none."""

from collections.abc import Iterator

from lab.standin.calm import nothing_found
from lab.standin.causes import causes
from lab.standin.reading import TurnSoFar, moment
from lab.standin.releases import AFTER_MIN, BEFORE_MIN
from lab.standin.supporting import support
from lab.standin.suspect import Suspect
from lab.standin.trail import Trail
from lab.standin.verdict import Verdict


def judge(turn: TurnSoFar, trail: Trail, suspects: list[str]) -> Verdict:
    """The verdict on the most telling suspect; no cause when nothing is degraded or unwell."""
    unknown = not_known(turn)
    weighed = [
        (verdict.certain, weight + _suffering(trail, name), name, verdict)
        for name in suspects
        for weight, verdict in (*causes(turn, trail, name), *_end_without_reason(trail, name))
    ]
    if not weighed:
        return nothing_found(turn, trail, unknown)
    _, _, name, verdict = max(weighed, key=lambda entry: entry[:2])
    _weigh_the_others(verdict, [other for *_, other in weighed])
    suspect = Suspect(turn, trail, name)
    path = sorted(trail.degraded, key=lambda edge: edge.evidence)
    verdict.summary = _summary(trail, verdict, suspect)
    verdict.evidence += support(suspect, verdict.component)
    verdict.evidence += [(edge.evidence, str(edge)) for edge in path]
    verdict.ruled_out = list(_ruled_out(suspect, verdict.component))
    verdict.open_questions += unknown
    _spread(turn, name, verdict)
    return verdict


def not_known(turn: TurnSoFar) -> list[str]:
    """What the failed calls leave open, one sentence for each tool."""
    names = dict.fromkeys(result.name for result in turn.failed)
    return [f"{name} failed: what it would show is not known" for name in names]


def _spread(turn: TurnSoFar, name: str, verdict: Verdict) -> None:
    """Who depends on the cause; on the suspect, where the cause is not among its callers."""
    looks = turn.of("find_blast_radius", name=verdict.component)
    about = verdict.component if looks else name
    for result in looks or turn.of("find_blast_radius", name=name):
        hurt = [row["name"] for row in result.rows if row["name"] != verdict.component]
        verdict.blast_radius = hurt if about == verdict.component else [name, *hurt]
        if result.status == "ok":
            verdict.evidence.append((result.evidence, f"{len(hurt)} components depend on {about}"))


def _suffering(trail: Trail, name: str) -> float:
    """How many times their baseline the calls to it take; capped, to weigh less than a cause."""
    times = (edge.p99_ms / max(edge.baseline_ms, 1) for edge in trail.into(name))
    return min(19.0, max(times, default=0.0))


def _end_without_reason(trail: Trail, name: str) -> Iterator[tuple[int, Verdict]]:
    if name in trail.ends:
        calls = trail.into(name)
        is_slow = any(edge.slow for edge in calls)
        trouble = f"{name} is slow" if is_slow else f"calls to {name} fail"
        explanation = f"Its callers suffer from {name}; why {trouble} is not visible from here."
        yield (
            0,
            Verdict(
                component=name,
                explanation=explanation,
                confidence="medium",
                open_questions=[f"Why is it that {trouble}?"],
            ),
        )


def _weigh_the_others(verdict: Verdict, every: list[Verdict]) -> None:
    """A second cause that is as certain, of another component, makes the first less so."""
    names = dict.fromkeys(other.component for other in every if other.certain)
    others = [name for name in names if name != verdict.component]
    if others:
        verdict.confidence = "medium"
        verdict.open_questions.append(f"Is it this, or what is wrong with {', '.join(others)}?")


def _summary(trail: Trail, verdict: Verdict, suspect: Suspect) -> str:
    said = _what(trail, verdict)
    start = suspect.began
    return f"{said} It began about {start}." if start else said


def _what(trail: Trail, verdict: Verdict) -> str:
    cause = verdict.component
    if cause == trail.subject:
        return (
            f"{trail.subject} is slow by itself: its callers suffer, what it calls does not."
            if trail.ends == [cause]
            else f"The trouble of {trail.subject} is its own."
            if trail.degraded
            else f"{trail.subject} itself does not run as it should."
        )
    if any(cause in (edge.source, edge.target) for edge in trail.degraded):
        return f"{trail.subject} suffers from {cause}, which it reaches by degraded calls."
    if trail.degraded:
        return f"{trail.subject} suffers from {cause}, which no call of it leads to."
    return f"{trail.subject} suffers from {cause}, although no call is degraded."


def _ruled_out(suspect: Suspect, cause: str) -> Iterator[tuple[str, str]]:
    """Recently deployed components that the symptom does not run through, and other steps."""
    trail, start = suspect.trail, suspect.began
    on_trail = {edge.source for edge in trail.degraded} | {edge.target for edge in trail.degraded}
    for result in suspect.turn.of("list_changes"):
        deployed: dict[str, str] = {}
        for row in result.rows:
            if row["kind"] == "deployment":
                deployed.setdefault(row["component"], row["at"])
        for name, at in deployed.items():
            if name == cause:
                continue
            when = moment(at)
            why = "not on the path of the symptom"
            if name in on_trail:
                why = "it suffers from what it calls, or what runs beside it"
            if name == suspect.name and not suspect.fits(when, BEFORE_MIN, AFTER_MIN):
                why = "not when it began"
            if start and when and when > start.at and not suspect.fits(when, 0, AFTER_MIN):
                why += ", and after it began"
            yield name, f"deployed recently, but {why} ({result.evidence})"
