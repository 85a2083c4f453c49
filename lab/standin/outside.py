"""Causes that are not ours: a third party that answers badly, or one of us alone."""

from collections.abc import Iterator

from lab.standin.suspect import Suspect
from lab.standin.verdict import Verdict


def is_external(suspect: Suspect) -> Iterator[tuple[int, Verdict]]:
    """A third party where the calls end; what its other callers see tells whose fault it is."""
    if not suspect.is_end or suspect.fact("type") != "external":
        return
    name, bad = suspect.name, suspect.suffering
    well = [edge for edge in suspect.users if not edge.degraded and edge.per_min > 0]
    alone = bad[0].source if len(bad) == 1 else ""
    if alone and well:
        yield 95, _one_of_us(suspect, alone, ", ".join(edge.source for edge in well))
        return
    verdict = Verdict(
        component=name,
        explanation=f"{name} is a third party and answers slowly or with errors.",
        confidence="medium" if well else "high",
        evidence=[(suspect.evidence, f"{name} is of type external")],
        actions=[
            (f"Check the status page of {name} and open a ticket with them", ""),
            (f"Let the callers of {name} fail fast, or switch to another provider", ""),
        ],
    )
    if alone and not bad[0].slow:
        verdict.confidence = "medium"
        verdict.open_questions.append(
            f"Does {name} refuse everybody, or {alone} alone: its credential, its quota?"
        )
    if well:
        verdict.open_questions.append(f"Why do some callers of {name} see no trouble?")
    yield 100, verdict


def _one_of_us(suspect: Suspect, alone: str, others: str) -> Verdict:
    name = suspect.name
    well = next(edge for edge in suspect.users if not edge.degraded)
    return Verdict(
        component=alone,
        explanation=(
            f"Of all who call {name}, only {alone} has trouble; {others} calls it as always. So "
            f"it is what {alone} sends, or how."
        ),
        confidence="medium",
        evidence=[(well.evidence, f"{others} calls {name} as always")],
        open_questions=[f"What does {alone} send to {name}: its credential, its version, its way?"],
    )
