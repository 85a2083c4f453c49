"""Causes in a database: its connections are taken, or its processors."""

import re
from collections.abc import Iterator

from lab.standin.machines import NEAR_MIN, grown, tag
from lab.standin.queries import processor_of, time_query
from lab.standin.reading import moment
from lab.standin.releases import AFTER_MIN, BEFORE_MIN, deployed, way_back
from lab.standin.suspect import BUSY_PERCENT, Suspect
from lab.standin.trail import Edge
from lab.standin.verdict import Verdict

POOL_FULL = 0.95
MOST = 0.5
"""Which part of the time of a database one caller must take to be called hungry."""
_ENGINE = re.compile(r"[a-z][a-z0-9_]{1,30}")


def pool_is_full(suspect: Suspect) -> Iterator[tuple[int, Verdict]]:
    """Nearly all connections are in use."""
    name = suspect.name
    in_use, maximum = suspect.amount("connections_in_use"), suspect.amount("max_connections")
    if not _is_full(suspect) or not suspect.users:
        return
    holder = max(suspect.users, key=lambda edge: edge.connections)
    yield (
        300,
        Verdict(
            component=name,
            explanation=(
                f"All connections of {name} are taken ({in_use:g} of {maximum:g}); "
                f"{holder.source} holds the most ({holder.connections:g}). Others wait for one."
            ),
            confidence="high",
            evidence=[(suspect.evidence, f"{in_use:g} of {maximum:g} connections in use")],
            actions=[
                (f"Make {holder.source} give connections back, or stop it", ""),
                (f"Cap the pool of {holder.source} below what {name} can spare", ""),
            ],
        ),
    )


def hungry_caller(suspect: Suspect) -> Iterator[tuple[int, Verdict]]:
    """The processors are taken, and the queries of one caller take most of the time since then."""
    if not is_saturated(suspect):
        return
    callers = {edge.source for edge in suspect.users}
    for result in suspect.turn.of("query_metrics", query=time_of(suspect)):
        for row in grown(result, MOST):
            user = tag(row["series"], "user")
            if user in callers and suspect.fits(moment(row["onset"]), NEAR_MIN, NEAR_MIN):
                verdict = _asks_too_much(suspect, user, f"since {row['onset']}")
                verdict.confidence = "high"
                verdict.evidence.insert(
                    0, (result.evidence, f"time of {suspect.name} for {user} rose")
                )
                yield 270, verdict
                return


def deployed_caller(suspect: Suspect) -> Iterator[tuple[int, Verdict]]:
    """The processors are taken, and the one caller that was deployed then asks for the most."""
    if not is_saturated(suspect):
        return
    most = max(suspect.users, key=_time_ms, default=None)
    new = [edge for edge in suspect.users if list(_deployed_then(suspect, edge.source))]
    if most is not None and _time_ms(most) > 0 and [edge.source for edge in new] == [most.source]:
        yield 150, _asks_too_much(suspect, most.source, "as it seems")


def busy_database(suspect: Suspect) -> Iterator[tuple[int, Verdict]]:
    """The processors became busy when it began; who takes them is not visible."""
    if not is_saturated(suspect):
        return
    for result in suspect.turn.of("aws_metrics", **processor_of(suspect.name)):
        for row in result.rows:
            at = moment(row.get("onset", ""))
            if at is None or not suspect.fits(at, NEAR_MIN, NEAR_MIN):
                continue
            yield (
                90,
                Verdict(
                    component=suspect.name,
                    explanation=(
                        f"The processors of {suspect.name} are busy since {row['onset']}; which "
                        "caller asks for more than before is not visible from here."
                    ),
                    confidence="medium",
                    evidence=[(result.evidence, f"{suspect.name} became busy at {row['onset']}")],
                    open_questions=[
                        f"Whose queries take the CPU of {suspect.name}?",
                        *_deployed_callers(suspect),
                    ],
                ),
            )


def is_saturated(suspect: Suspect) -> bool:
    """Whether calls end at a database that has connections left, and no processor."""
    is_database = bool(suspect.fact("engine")) and suspect.is_end
    return is_database and not _is_full(suspect) and suspect.amount("cpu_percent") >= BUSY_PERCENT


def time_of(suspect: Suspect) -> str:
    """The question for whom a database works; empty when its engine has no name for a metric."""
    engine = suspect.fact("engine")
    return time_query(engine, suspect.name) if _ENGINE.fullmatch(engine) else ""


def _is_full(suspect: Suspect) -> bool:
    maximum = suspect.amount("max_connections")
    return maximum > 0 and suspect.amount("connections_in_use") / maximum >= POOL_FULL


def _time_ms(edge: Edge) -> float:
    """How long the callee works, or waits, for that caller in a minute."""
    return edge.avg_ms * edge.per_min


def _deployed_then(suspect: Suspect, caller: str) -> Iterator[tuple[str, str, str]]:
    """The deployment of that caller when it began: evidence, time, way back."""
    for result, row in deployed(suspect.turn, caller):
        if suspect.fits(moment(row["at"]), BEFORE_MIN, AFTER_MIN):
            yield result.evidence, row["at"], way_back(result, row)
            return


def _deployed_callers(suspect: Suspect) -> Iterator[str]:
    for edge in suspect.users:
        for _, at, _ in _deployed_then(suspect, edge.source):
            yield f"Is it {edge.source}, which was deployed at {at}?"


def _asks_too_much(suspect: Suspect, caller: str, since: str) -> Verdict:
    cpu = suspect.amount("cpu_percent")
    verdict = Verdict(
        component=caller,
        explanation=(
            f"{caller} asks more of {suspect.name} than that can do, {since}: its processors are "
            f"at {cpu:g} %, and all who call it wait. It has connections left."
        ),
        confidence="medium",
        evidence=[(suspect.evidence, f"{suspect.name} is at {cpu:g} % CPU")],
        actions=[(f"Stop {caller}, or slow it down", "")],
    )
    for evidence, at, back in _deployed_then(suspect, caller):
        verdict.explanation += f" {caller} was deployed at {at}."
        verdict.evidence.append((evidence, f"deployment of {caller} at {at}"))
        verdict.actions.append((back, ""))
    if not verdict.actions[1:]:
        verdict.open_questions.append(f"What made {caller} ask for more?")
    return verdict
