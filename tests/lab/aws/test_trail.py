import json
from typing import Any

import pytest

from lab.story import Story
from tests.lab.aws.conftest import Ask, refused


async def test_deployments_and_written_calls_are_told_newest_first(ask: Ask, story: Story) -> None:
    answer = await ask("cloudtrail", "lookup_events", StartTime=story.ago(60), EndTime=story.now)
    assert [(event["EventName"], event["Username"]) for event in answer["Events"]] == [
        ("UpdateService", "sam.okafor"),
        ("UpdateService", "aiko.tanaka"),
        ("ModifyDBInstance", "lea.moreau"),
    ]
    event = answer["Events"][2]
    assert event["Resources"] == [
        {"ResourceType": "AWS::RDS::DBInstance", "ResourceName": "prices-db"}
    ]
    assert abs((story.ago(45) - event["EventTime"]).total_seconds()) < 1
    record = json.loads(event["CloudTrailEvent"])
    assert (record["errorCode"], record["eventID"]) == ("AccessDenied", event["EventId"])
    assert record["userIdentity"]["userName"] == "lea.moreau"


@pytest.mark.parametrize(
    ("key", "value", "count"),
    [
        ("EventName", "ModifyDBInstance", 1),
        ("ResourceName", "pricing-service", 1),
        ("Username", "jonas.weber", 2),
        ("ReadOnly", "false", 7),
        ("ReadOnly", "true", 0),
        ("EventSource", "ecs.amazonaws.com", 6),
    ],
)
async def test_one_attribute_can_be_looked_up(ask: Ask, key: str, value: str, count: int) -> None:
    wanted = [{"AttributeKey": key, "AttributeValue": value}]
    answer = await ask("cloudtrail", "lookup_events", LookupAttributes=wanted)
    assert len(answer["Events"]) == count


async def test_a_page_goes_on_where_the_last_one_ended(ask: Ask) -> None:
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = await ask("cloudtrail", "lookup_events", MaxResults=3, **token)
        assert len(answer["Events"]) <= 3
        seen += [event["EventId"] for event in answer["Events"]]
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert len(set(seen)) == len(seen) == 7


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"MaxResults": 51}, "InvalidMaxResultsException"),
        (
            {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "a"}] * 2},
            "InvalidLookupAttributesException",
        ),
    ],
)
async def test_what_cloudtrail_does_not_take_is_refused(
    ask: Ask, parameters: dict[str, Any], code: str
) -> None:
    assert await refused(ask, "cloudtrail", "lookup_events", **parameters) == (400, code)


async def test_a_time_that_ends_before_it_starts_is_refused(ask: Ask, story: Story) -> None:
    span = {"StartTime": story.now, "EndTime": story.ago(5)}
    refusal = await refused(ask, "cloudtrail", "lookup_events", **span)
    assert refusal == (400, "InvalidTimeRangeException")
