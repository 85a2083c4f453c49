"""Every shipped incident, investigated by the stand-in through all sources."""

from datetime import UTC, datetime

import pytest

from graph.state import Investigation, Receipt, evidence_of_turn
from lab import aws, datadog
from lab.estate import sources
from lab.incident import Incident, load, shipped
from lab.story import Story
from tests.conftest import OpenRuntime


async def solved(incident: Incident, open_lab: OpenRuntime) -> tuple[Investigation, Receipt]:
    """The turn about the question of the incident, and its enrichment."""
    story = Story(incident, datetime.now(UTC))
    database = incident.name.replace("-", "_")
    async with (
        datadog.serve(story) as datadog_double,
        aws.serve(story) as aws_double,
        open_lab(neo4j_database=database, **sources(datadog_double, aws_double)) as runtime,
    ):
        state = await runtime.investigate(incident.question)
        receipt = await runtime.enrichment(state["turn"]["id"])
    assert receipt is not None
    return state, receipt


@pytest.mark.parametrize("name", shipped())
async def test_a_shipped_incident_is_solved_with_existing_evidence(
    name: str, open_lab: OpenRuntime
) -> None:
    incident = load(name)
    state, receipt = await solved(incident, open_lab)
    report = state["report"]
    assert report is not None
    cause = report["root_cause"]
    assert (cause["component"] if cause else "") == incident.expected.root_cause
    assert report["flags"] == []
    assert report["confidence"] == ("high" if cause else "medium")
    known = {entry["id"]: entry["status"] for entry in evidence_of_turn(state)}
    assert {known[cited["id"]] for cited in report["evidence"]} == {"ok"}
    assert receipt["status"] == "stored"


async def test_who_holds_the_connections_is_found_among_all_callers_of_the_database(
    open_lab: OpenRuntime,
) -> None:
    incident = load("pool-exhausted")
    into = [call for call in incident.topology.call if call.target == incident.expected.root_cause]
    most = max(into, key=lambda call: call.connections or 0)
    state, _ = await solved(incident, open_lab)
    assert state["report"] is not None
    explanation = state["report"]["root_cause"]["explanation"]
    assert f"{most.source} holds the most ({most.connections})" in explanation


async def test_a_false_alarm_is_called_one_and_says_who_changed_the_monitor(
    open_lab: OpenRuntime,
) -> None:
    state, _ = await solved(load("false-alarm"), open_lab)
    assert state["report"] is not None
    assert state["report"]["summary"].startswith("Nothing around billing-service is degraded")
    assert "a monitor was changed: " in state["report"]["summary"]
    assert "from 900 to 400" in state["report"]["summary"]
