"""What else bears a cause out: when it began, the monitors and alarms that rang then."""

from collections.abc import Iterator
from datetime import timedelta

from lab.standin.reading import moment
from lab.standin.suspect import Suspect

_EARLY = timedelta(minutes=10)


def support(suspect: Suspect, cause: str) -> Iterator[tuple[str, str]]:
    """Evidence beside that of the rule; what alerted long before it began bears nothing out."""
    start = suspect.began
    if start:
        yield start.evidence, start.shows
    for result in suspect.turn.of("search_monitors"):
        times = [row.get("last_triggered", "") for row in result.rows if row["status"] == "Alert"]
        told = [at for at in times if _is_then(suspect, at)]
        if told:
            yield result.evidence, f"a monitor of {suspect.trail.subject} alerts since {min(told)}"
    about = {suspect.name, cause, *suspect.hosts}
    for result in suspect.turn.of("aws_alarms"):
        for row in result.rows:
            watched = {part.partition("=")[2] for part in row.get("metric", "").split()}
            if row.get("state") == "ALARM" and about & watched and _is_then(suspect, row["since"]):
                name = (about & watched).pop()
                yield result.evidence, f"a CloudWatch alarm of {name} rings since {row['since']}"


def _is_then(suspect: Suspect, text: str) -> bool:
    at, start = moment(text), suspect.began
    return at is not None and (start is None or at >= start.at - _EARLY)
