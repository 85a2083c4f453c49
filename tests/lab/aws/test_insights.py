import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from lab.aws import AwsDouble, serve
from lab.story import Story
from tests.lab.aws.conftest import SIGNALS, Ask, Client, asked, refused, told

GROUP = "/ecs/pricing-service"
Rows = list[dict[str, str]]
Query = Callable[..., Awaitable[Rows]]


def span(story: Story, first: float, last: float) -> dict[str, int]:
    return {
        "startTime": int(story.ago(first).timestamp()),
        "endTime": int(story.ago(last).timestamp()),
    }


@pytest.fixture
def query(ask: Ask, story: Story) -> Query:
    """The rows of a query over ten minutes, from 20 to 10 minutes ago, or others."""

    async def run(text: str, first: float = 20, last: float = 10, group: str = GROUP) -> Rows:
        started = await ask(
            "logs",
            "start_query",
            logGroupNames=[group],
            queryString=text,
            **span(story, first, last),
        )
        status = "Running"
        while status == "Running":
            answer = await ask("logs", "get_query_results", queryId=started["queryId"])
            status = answer["status"]
        assert status == "Complete"
        return [{cell["field"]: cell["value"] for cell in row} for row in answer["results"]]

    return run


async def test_without_commands_on_fields_it_shows_time_and_message_newest_first(
    query: Query, story: Story
) -> None:
    rows = await query("limit 3")
    assert [list(row) for row in rows] == [["@timestamp", "@message", "@ptr"]] * 3
    times = [datetime.fromisoformat(row["@timestamp"]).replace(tzinfo=UTC) for row in rows]
    assert times == sorted(times, reverse=True)
    # The second that the time ends in belongs to it.
    assert -1 < (story.ago(10) - times[0]).total_seconds() < 20


async def test_fields_are_those_that_are_named(query: Query) -> None:
    [row] = await query("fields @logStream, @log, @nothing | limit 1")
    del row["@ptr"]
    assert row == {"@logStream": "pricing-service/shop-node-3", "@log": f"123456789012:{GROUP}"}


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("@message like /ERROR/", 60),
        ("@message like /(?i)error|tier/", 100),
        ('@message like "region EU | tier"', 40),
        ("@message like 'no connection'", 60),
        ("@message not like /ERROR/", 40),
        ("@message =~ /after \\d+ ms/", 60),
        ("not @message like /ERROR/ and @logStream = 'pricing-service/shop-node-3'", 40),
        ("@message like /ERROR/ and (@logStream = 'x' or @logStream like 'node-3')", 60),
        ("@logStream in ['a', 'pricing-service/shop-node-3']", 100),
        ("@logStream != 'pricing-service/shop-node-3'", 0),
        ("ispresent(@message)", 100),
        ("@message like /a\\/b/", 0),
    ],
)
async def test_a_filter_chooses_lines(query: Query, condition: str, count: int) -> None:
    rows = await query(f"fields @message | filter {condition}")
    assert len(rows) == pytest.approx(count, abs=2 if count else 0)


async def test_the_time_is_honoured(query: Query) -> None:
    assert len(await query("filter @message like /ERROR/", 60, 31)) == 0
    assert len(await query("filter @message like /ERROR/", 60, 25)) == pytest.approx(30, abs=1)


async def test_sort_and_limit_go_in_the_order_they_are_written(query: Query) -> None:
    oldest = await query("fields @timestamp | sort @timestamp asc | limit 5")
    newest_of_them = await query(
        "fields @timestamp | sort @timestamp asc | limit 5 | sort @timestamp desc"
    )
    assert newest_of_them == oldest[::-1]


async def test_stats_count_by_time(query: Query) -> None:
    rows = await query(
        "filter @message like /ERROR/ | stats count(*) as c by bin(5m) | sort c desc"
    )
    assert set(rows[0]) == {"bin(5m)", "c"}
    assert sum(int(row["c"]) for row in rows) == pytest.approx(60, abs=1)
    assert not [row for row in rows if int(row["bin(5m)"][14:16]) % 5]
    counts = [int(row["c"]) for row in rows]
    assert counts == sorted(counts, reverse=True)


async def test_stats_count_by_field_and_without_one(query: Query) -> None:
    [row] = await query("stats count(*), count_distinct(@logStream) as streams by @log")
    assert row["@log"].endswith(GROUP)
    assert int(row["count(*)"]) == pytest.approx(100, abs=2)
    assert row["streams"] == "1"
    [none] = await query("filter @message like 'never' | stats count() as c")
    assert none == {"c": "0"}
    [ends] = await query("stats min(@timestamp) as a, latest(@timestamp) as b")
    assert ends["a"] < ends["b"]


async def test_patterns_are_counted_with_samples(query: Query) -> None:
    errors, others = await query("pattern @message | sort @sampleCount desc | limit 5")
    assert errors["@pattern"] == "ERROR no connection after <*> ms for cart <*>"
    assert int(errors["@sampleCount"]) == pytest.approx(60, abs=1)
    assert float(errors["@ratio"]) == pytest.approx(0.6, abs=0.02)
    assert (errors["@severityLabel"], others["@severityLabel"]) == ("ERROR", "INFO")
    samples = json.loads(errors["@logSamples"])
    assert 0 < len(samples) <= 10
    assert all("no connection" in sample["@message"] for sample in samples)


async def test_groups_are_asked_together(ask: Ask, story: Story) -> None:
    both = [GROUP, "arn:aws:logs:eu-central-1:123456789012:log-group:/ecs/cart-service:*"]
    started = await ask(
        "logs",
        "start_query",
        logGroupIdentifiers=both,
        queryString="stats count(*) as c by @log",
        **span(story, 20, 10),
    )
    running = await ask("logs", "get_query_results", queryId=started["queryId"])
    assert (running["status"], running["results"]) == ("Running", [])
    complete = await ask("logs", "get_query_results", queryId=started["queryId"])
    assert len(complete["results"]) == 2
    assert complete["statistics"]["recordsScanned"] == pytest.approx(110, abs=3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "frobnicate @message",
        "filter @message like /[/",
        "filter @message like",
        "filter (@message like 'a'",
        "filter @message near 'a'",
        "stats median(@x)",
        "stats count(*) by f(x)",
        "limit many",
        "fields strlen(@message)",
        "pattern",
    ],
)
async def test_a_query_that_cannot_be_read_is_refused(ask: Ask, story: Story, text: str) -> None:
    refusal = await refused(
        ask, "logs", "start_query", logGroupName=GROUP, queryString=text, **span(story, 20, 10)
    )
    assert refusal == (400, "MalformedQueryException")


async def test_an_unknown_group_query_or_time_is_refused(ask: Ask, story: Story) -> None:
    plain = {"queryString": "limit 1", "logGroupName": GROUP, **span(story, 20, 10)}
    for wrong, code in (
        ({"logGroupName": "/ecs/none"}, "ResourceNotFoundException"),
        (span(story, 10, 20), "MalformedQueryException"),
    ):
        assert await refused(ask, "logs", "start_query", **{**plain, **wrong}) == (400, code)
    for operation in ("get_query_results", "stop_query"):
        refusal = await refused(ask, "logs", operation, queryId="none")
        assert refusal == (400, "ResourceNotFoundException")


@pytest.fixture
def slow(client: Client) -> Callable[[AwsDouble], Any]:
    def logs(double: AwsDouble) -> Any:
        double.scene.polls_until_complete = 3
        return client(double, "logs")

    return logs


async def test_a_query_can_be_stopped_while_it_runs(
    slow: Callable[[AwsDouble], Any], story: Story
) -> None:
    async with serve(told(**SIGNALS)) as double:
        logs = slow(double)
        started = await asked(
            logs, "start_query", logGroupName=GROUP, queryString="limit 1", **span(story, 20, 10)
        )
        assert (await asked(logs, "stop_query", queryId=started["queryId"]))["success"]
        answer = await asked(logs, "get_query_results", queryId=started["queryId"])
        assert (answer["status"], answer["results"]) == ("Cancelled", [])
        with pytest.raises(logs.exceptions.InvalidParameterException):
            await asked(logs, "stop_query", queryId=started["queryId"])


async def test_a_query_takes_the_polls_and_ends_as_it_is_told_to(
    slow: Callable[[AwsDouble], Any], story: Story
) -> None:
    async with serve(told(**SIGNALS)) as double:
        logs = slow(double)
        double.scene.query_ends = "Failed"
        started = await asked(
            logs, "start_query", logGroupName=GROUP, queryString="limit 1", **span(story, 20, 10)
        )
        answers = [
            await asked(logs, "get_query_results", queryId=started["queryId"]) for _ in range(4)
        ]
    assert [answer["status"] for answer in answers] == ["Running"] * 3 + ["Failed"]
    assert answers[-1]["results"] == []
