"""What the stand-in says where nothing is degraded: what else may have raised the alarm."""

import re
from collections.abc import Iterator

from lab.standin.machines import machines_of
from lab.standin.outages import unwell
from lab.standin.reading import TurnSoFar
from lab.standin.suspect import Suspect
from lab.standin.trail import Trail
from lab.standin.verdict import Verdict

_EDITED = re.compile(r"monitor\b.*\b(?:edited|changed|modified|created|threshold)", re.IGNORECASE)
Said = tuple[str, str]
"""An evidence id, and a sentence."""


def nothing_found(turn: TurnSoFar, trail: Trail, unknown: list[str]) -> Verdict:
    """No cause: because all is well, or because it could not be seen."""
    suspect = Suspect(turn, trail, trail.subject)
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
    reasons = [*_edited_monitors(suspect), *_maintenance(suspect)] if trail.edges else []
    alerts = list(_monitors(suspect)) if trail.edges else []
    questions = _questions(suspect, bool(reasons), bool(alerts))
    is_clear = trail.edges and not unknown and (reasons or not alerts)
    return Verdict(
        summary=" ".join([summary, *(said for _, said in reasons)]),
        confidence="medium" if is_clear else "low",
        evidence=[
            *((result.evidence, f"{result.name} failed") for result in turn.failed),
            *((result.evidence, shows[result.status]) for result in looks if not result.unread),
            *reasons,
            *alerts,
            *_at_rest(suspect),
        ],
        open_questions=unknown or questions,
    )


def _edited_monitors(suspect: Suspect) -> Iterator[Said]:
    """Changes of what watches the subject: an alert may come from there."""
    for result in suspect.turn.of("list_changes"):
        for row in result.rows:
            told = f"{row['kind']} {row['detail']}"
            if _EDITED.search(told) and row["component"] in (suspect.name, "-"):
                yield result.evidence, f"At {row['at']} a monitor was changed: {row['detail']}."


def _maintenance(suspect: Suspect) -> Iterator[Said]:
    for result, row in suspect.maintenance():
        yield result.evidence, f"At {row['at']} maintenance was announced: {row['detail']}."


def _monitors(suspect: Suspect) -> Iterator[Said]:
    """What watches the subject and is not OK."""
    for result in suspect.turn.of("search_monitors", service=suspect.name):
        for row in result.rows:
            state = "gets no data" if row.get("status") == "No Data" else "alerts"
            since = row.get("last_triggered", "-")
            yield (
                result.evidence,
                f"a monitor of {suspect.name} {state} since {since}; it is no call that suffers",
            )


def _at_rest(suspect: Suspect) -> Iterator[Said]:
    """What of it does not run, and hurts no call."""
    for result, row in (*machines_of(suspect), *unwell(suspect)):
        if row["state"] != "running":
            yield result.evidence, f"{row['kind']} {row['name']} is {row['state']}"


def _questions(suspect: Suspect, has_reason: bool, alerts: bool) -> list[str]:
    if has_reason and any(suspect.maintenance()):
        return [f"Is the maintenance of {suspect.name} still going on?"]
    if alerts and not has_reason:
        return [f"Why does the monitor of {suspect.name} alert, or get no data?"]
    return ["Is the symptom still there, and where was it seen?"]
