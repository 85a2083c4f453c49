from datetime import datetime
from typing import Any

import pytest

from lab.aws import serve
from lab.story import Story
from tests.lab.aws.conftest import Ask, Client, asked, refused, told

GROUP = "/ecs/pricing-service"


def span(start: datetime, end: datetime) -> dict[str, int]:
    return {"startTime": int(start.timestamp() * 1000), "endTime": int(end.timestamp() * 1000)}


async def events(ask: Ask, **parameters: Any) -> list[dict[str, Any]]:
    answer = await ask("logs", "filter_log_events", logGroupName=GROUP, **parameters)
    found: list[dict[str, Any]] = answer["events"]
    return found


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({}, ["/ecs/cart-service", "/ecs/pricing-service"]),
        ({"logGroupNamePrefix": "/ecs/p"}, ["/ecs/pricing-service"]),
        ({"logGroupNamePattern": "cart"}, ["/ecs/cart-service"]),
        ({"logGroupNamePrefix": "/aws"}, []),
    ],
)
async def test_services_that_write_have_a_log_group(
    ask: Ask, parameters: dict[str, Any], names: list[str]
) -> None:
    groups = (await ask("logs", "describe_log_groups", **parameters))["logGroups"]
    assert [group["logGroupName"] for group in groups] == names


async def test_log_groups_come_in_pages(ask: Ask) -> None:
    page = await ask("logs", "describe_log_groups", limit=1)
    rest = await ask("logs", "describe_log_groups", limit=1, nextToken=page["nextToken"])
    assert page["logGroups"] != rest["logGroups"]
    assert "nextToken" not in rest


async def test_events_are_those_of_the_time_oldest_first(ask: Ask, story: Story) -> None:
    found = await events(ask, **span(story.ago(20), story.ago(10)))
    times = [event["timestamp"] for event in found]
    assert times == sorted(times)
    assert story.ago(20).timestamp() * 1000 <= times[0] + 1
    assert times[-1] <= story.ago(10).timestamp() * 1000
    # Six errors and four others a minute.
    assert len(found) == pytest.approx(100, abs=2)
    assert {event["logStreamName"] for event in found} == {"pricing-service/shop-node-3"}


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("ERROR", 60),
        ("-ERROR", 40),
        ("no cart", 60),
        ('"region EU"', 40),
        ('"region US"', 0),
        ("?ERROR ?priced", 100),
        ("%after [0-9]+ ms%", 60),
    ],
)
async def test_terms_choose_events(ask: Ask, story: Story, pattern: str, count: int) -> None:
    found = await events(ask, **span(story.ago(20), story.ago(10)), filterPattern=pattern)
    assert len(found) == pytest.approx(count, abs=1 if count else 0)


async def test_pages_of_events_hold_each_once(ask: Ask, story: Story) -> None:
    time = span(story.ago(20), story.ago(10))
    everything = await events(ask, **time)
    seen: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        answer = await ask(
            "logs", "filter_log_events", logGroupName=GROUP, limit=40, **time, **token
        )
        seen += answer["events"]
        if "nextToken" not in answer:
            break
        token = {"nextToken": answer["nextToken"]}
    assert seen == everything


async def test_patterns_of_other_kinds_and_other_groups_are_refused(ask: Ask) -> None:
    for pattern in ("{ $.level = ERROR }", "%[%"):
        refusal = await refused(
            ask, "logs", "filter_log_events", logGroupName=GROUP, filterPattern=pattern
        )
        assert refusal == (400, "InvalidParameterException")
    refusal = await refused(ask, "logs", "filter_log_events", logGroupName="/ecs/none")
    assert refusal == (400, "ResourceNotFoundException")


async def test_more_lines_than_the_lab_looks_at_are_refused_before_they_are_made(
    client: Client, story: Story
) -> None:
    loud = {"service": "tax-service", "level": "info", "message": "m {n}", "per_min": 1_000_000}
    async with serve(told(log=[loud])) as double:
        logs = client(double, "logs")
        with pytest.raises(logs.exceptions.InvalidParameterException):
            await asked(logs, "filter_log_events", logGroupName="/ecs/tax-service")
        started = await asked(
            logs,
            "start_query",
            logGroupName="/ecs/tax-service",
            queryString="fields @message",
            startTime=int(story.ago(60).timestamp()),
            endTime=int(story.now.timestamp()),
        )
        await asked(logs, "get_query_results", queryId=started["queryId"])
        late = await asked(logs, "get_query_results", queryId=started["queryId"])
    assert (late["status"], late["results"]) == ("Timeout", [])
