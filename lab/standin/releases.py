"""Causes that a deployment brought, and the way back from it."""

from collections.abc import Iterator
from datetime import timedelta

from lab.standin.reading import Result, TurnSoFar, moment
from lab.standin.suspect import Suspect
from lab.standin.verdict import Verdict

BEFORE_MIN = 60
"""A deployment shows within that time, or it is not what began then."""
AFTER_MIN = 5
"""How much later than the trouble it may seem to be: sources round to minutes."""
_RECENT_FROM = timedelta(hours=21)
"""Of a list of 24 hours the part that is recent, where it is not known when the trouble began."""


def was_deployed(suspect: Suspect) -> Iterator[tuple[int, Verdict]]:
    """The component where the calls end was deployed when that began."""
    if not suspect.is_end:
        return
    for result, row in deployed(suspect.turn, suspect.name):
        if not suspect.fits(moment(row["at"]), BEFORE_MIN, AFTER_MIN):
            continue
        change = f" ({row['detail']})" if row.get("detail", "-") != "-" else ""
        verdict = Verdict(
            component=suspect.name,
            explanation=(
                f"{suspect.name} {row['version']} was deployed at {row['at']} by {row['by']}"
                f"{change}; since then its callers wait for it, while what it calls answers "
                "as always."
            ),
            confidence="high",
            evidence=[(result.evidence, f"deployment of {suspect.name} at {row['at']}")],
            actions=[(way_back(result, row), "")],
        )
        if suspect.began is None and _is_old(result, row):
            verdict.confidence = "medium"
            verdict.open_questions.append(f"Did it begin at {row['at']}, with that deployment?")
        yield 200, verdict
        return


def _is_old(result: Result, row: dict[str, str]) -> bool:
    start, at = moment(result.start), moment(row["at"])
    return start is not None and at is not None and at < start + _RECENT_FROM


def deployed(turn: TurnSoFar, name: str) -> Iterator[tuple[Result, dict[str, str]]]:
    """The deployments of that component that went live, as the topology tells, newest first."""
    for result in turn.of("list_changes"):
        for row in result.rows:
            is_deployment = row["kind"] == "deployment" and row["component"] == name
            if is_deployment and row["status"] in ("succeeded", "in_progress"):
                yield result, row


def before_it_began(suspect: Suspect) -> Iterator[tuple[Result, dict[str, str]]]:
    """The latest deployment that was there when the trouble began."""
    start = suspect.began
    for result, row in deployed(suspect.turn, suspect.name):
        at = moment(row["at"])
        if start is None or at is None or at <= start.at:
            yield result, row
            return


def way_back(result: Result, row: dict[str, str]) -> str:
    """What to do about that deployment."""
    before = _version_before(result, row)
    return f"Roll {row['component']} back from {row['version']}" + (before and f" to {before}")


def _version_before(result: Result, deployment: dict[str, str]) -> str:
    """The version that went live before that deployment; empty when the result shows none."""
    rows = result.rows
    for row in rows[rows.index(deployment) + 1 :]:
        went_live = row["component"] == deployment["component"] and row["status"] == "succeeded"
        if went_live and row["version"] not in ("-", deployment["version"]):
            return row["version"]
    return ""
