"""Every incident of the lab, through all sources, is rerun to the same with its enrichment."""

import pytest

from lab.aws import AwsDouble
from lab.datadog import DatadogDouble
from lab.estate import sources
from lab.incident import Incident, load, shipped
from tests.conftest import OpenRuntime
from tests.replay.alone import Alone
from tests.replay.conftest import recorded


@pytest.fixture(params=shipped())
def incident(request: pytest.FixtureRequest) -> Incident:
    return load(request.param)


async def test_an_incident_and_what_was_learned_of_it(
    incident: Incident,
    open_lab: OpenRuntime,
    datadog_double: DatadogDouble,
    aws_double: AwsDouble,
    alone: Alone,
) -> None:
    reach = sources(datadog_double, aws_double)
    async with open_lab(neo4j_database=incident.name.replace("-", "_"), **reach) as runtime:
        state = await runtime.investigate(incident.question)
        recording = await recorded(runtime, state["turn"]["id"])
    report = state["report"]
    assert report is not None
    cause = report["root_cause"]
    assert (cause["component"] if cause else "") == incident.expected.root_cause
    [turn, enrichment] = recording.segments
    assert (turn.of, enrichment.of) == ("turn", "enrichment")
    assert list(enrichment.states())[-1]["enrichment"]["status"] == "stored"
    names = {entry["name"] for entry in turn.exchanges if entry["kind"] == "tool"}
    assert {"find_services", "search_monitors", "aws_alarms"} <= names
    await alone.shows_the_same(recording)
