"""Causes in what runs: too few tasks, a function that is not active, an instance that is down."""

import re
from collections.abc import Iterator

from lab.standin.queries import memory_query
from lab.standin.reading import Result, number
from lab.standin.releases import before_it_began, way_back
from lab.standin.suspect import Suspect
from lab.standin.verdict import Verdict

MISSING = 0.25
"""Which part of the tasks may be missing for a moment, as while they are replaced."""
ROSE = 1.5
_PARTS = re.compile(r"(\d{1,6})/(\d{1,6})")
_DOWN = re.compile(r"failed|stopped|incompatible|inaccessible|storage-full", re.IGNORECASE)
_OUT_OF_MEMORY = re.compile(r"out ?of ?memory|due to memory usage", re.IGNORECASE)
_COUNTED = ("ecs service", "target group")
_NAMED = ("lambda function", "rds instance")


def does_not_run(suspect: Suspect) -> Iterator[tuple[int, Verdict]]:
    """It runs less than it should. Where no call is degraded, announced work explains that."""
    name = suspect.name
    if not suspect.is_end and any(suspect.maintenance()):
        return
    for result, row in unwell(suspect):
        verdict = Verdict(
            component=name,
            explanation=f"{name} does not run as it should: {row['kind']}, {row['state']}.",
            confidence="high" if _missing(row) >= MISSING else "medium",
            evidence=[(result.evidence, f"{row['kind']} {row['name']}: {row['state']}")],
            actions=[(f"Bring {name} back to what it should run", "")],
        )
        if not verdict.certain:
            verdict.open_questions.append(f"Is so much of {name} missing for a moment only?")
        if any(_OUT_OF_MEMORY.search(message) for message in _events(result, row["name"])):
            verdict.explanation += " Its tasks are killed out of memory."
        for grew, memory in _memory(suspect):
            shows = f"memory of {name} grew from {memory['min']} to {memory['last']}"
            verdict.evidence.append((grew.evidence, shows))
        for changes, change in before_it_began(suspect):
            verdict.explanation += f" Before, at {change['at']}: {change['detail']}."
            verdict.evidence.append((changes.evidence, f"deployment at {change['at']}"))
            verdict.actions.append((way_back(changes, change), ""))
        yield 240, verdict


def unwell(suspect: Suspect) -> Iterator[tuple[Result, dict[str, str]]]:
    """What of it AWS does not find as it should be; hosts are not meant here."""
    for result in suspect.turn.of("aws_resource_health", service=suspect.name):
        for row in result.rows:
            if _missing(row) > 0:
                yield result, row


def _events(result: Result, name: str) -> list[str]:
    """What AWS tells that happened to the resource of that name."""
    rows = [row for rows in result.tables for row in rows]
    return [row["message"] for row in rows if "message" in row and row["about"] == name]


def _missing(row: dict[str, str]) -> float:
    """Which part of a resource is missing, 0 to 1."""
    kind, state = row.get("kind", ""), row.get("state", "")
    parts = _PARTS.search(state) if kind in _COUNTED else None
    if parts:
        running, wanted = int(parts[1]), int(parts[2])
        return max(0.0, 1 - running / wanted) if wanted else 0.0
    return float(kind in _NAMED and _DOWN.search(state) is not None)


def _memory(suspect: Suspect) -> Iterator[tuple[Result, dict[str, str]]]:
    """The memory of its tasks, where it grew."""
    for result in suspect.turn.of("query_metrics", query=memory_query(suspect.name)):
        for row in result.rows:
            if 0 < ROSE * number(row, "min") <= number(row, "last"):
                yield result, row
                return
