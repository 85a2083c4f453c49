"""The questions to CloudWatch's logs, asked of the lab's Logs Insights."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from graph.tools.aws.client import Aws
from graph.tools.aws.insights import BIN_COUNT, bin_minutes, shaped
from graph.tools.window import Window
from lab.aws import AwsDouble
from lab.story import Story
from tests.graph.tools.aws.conftest import Journal, ask

CART = {"log_group": "/ecs/cart-service"}


@pytest.fixture
def endless(double: AwsDouble) -> Iterator[AwsDouble]:
    """The endpoint whose queries never come to an end."""
    usual, double.scene.polls_until_complete = double.scene.polls_until_complete, 1_000_000
    yield double
    double.scene.polls_until_complete = usual


async def test_patterns_come_with_their_counts_the_most_frequent_first(aws: Aws) -> None:
    result = await ask(aws, "aws_logs", **CART)
    assert (result.status, result.source, result.returned) == ("ok", "aws", 2)
    assert result.query == (
        "logs:StartQuery /ecs/cart-service pattern @message | sort @sampleCount desc | limit 31"
    )
    first, second = result.data
    assert first["count"] == pytest.approx(180, abs=6)
    assert second["count"] == pytest.approx(120, abs=2)
    assert result.matched == first["count"] + second["count"]
    assert "pricing-service timed out after" in first["pattern"]
    assert f"[{result.matched} of {result.matched} records scanned match; " in result.text


async def test_further_patterns_are_told_of(aws: Aws) -> None:
    result = await ask(aws, "aws_logs", **CART, limit=1)
    assert result.returned == 1
    assert "[there are further patterns, of fewer lines; ask with a higher limit]" in result.text


async def test_raw_shows_the_newest_lines_and_counts_the_rest(aws: Aws, story: Story) -> None:
    result = await ask(aws, "aws_logs", **CART, mode="raw", limit=5)
    times = [datetime.fromisoformat(line["at"]) for line in result.data]
    assert times == sorted(times, reverse=True)
    assert (story.now - times[-1]).total_seconds() < 60
    assert result.returned == 5
    assert result.matched > 250
    assert result.text.splitlines()[1] == f"{result.data[0]['at']}\t{result.data[0]['message']}"


async def test_a_count_has_a_bin_for_each_time_and_shows_the_onset(aws: Aws, story: Story) -> None:
    result = await ask(aws, "aws_logs", **CART, mode="count", query="timed out", window="last 2h")
    counts = [count for _, count in result.data]
    assert len(counts) in (24, 25)
    assert counts[0] == 0
    assert sum(counts) == result.matched == pytest.approx(180, abs=6)
    onset = datetime.fromisoformat(result.text.splitlines()[1].split("\t")[9])
    assert abs((onset - story.ago(30)).total_seconds()) <= 300


@pytest.mark.parametrize("text", ['by "session" of C:\\shop', "C:\\shop", '"session"'])
async def test_a_text_is_looked_for_as_it_is_whatever_is_in_it(aws: Aws, text: str) -> None:
    result = await ask(aws, "aws_logs", **CART, query=text, mode="raw")
    assert result.matched == pytest.approx(120, abs=2)
    assert all(text in line["message"] for line in result.data)


@pytest.mark.parametrize("text", ['x" or @message like "', "x\\", '" | limit 1 | fields "', "/.*/"])
async def test_the_language_of_insights_in_a_text_is_not_run(aws: Aws, text: str) -> None:
    result = await ask(aws, "aws_logs", **CART, query=text)
    assert (result.status, result.error, result.returned) == ("no_data", None, 0)
    assert "[0 of " in result.text


async def test_a_missing_group_is_no_data_with_groups_like_it(aws: Aws) -> None:
    near = await ask(aws, "aws_logs", log_group="/ecs/cart-svc")
    assert (near.status, near.error) == ("no_data", None)
    assert near.text.startswith("ResourceNotFoundException: ")
    assert near.text.endswith("; log groups like it: /ecs/cart-service")
    far = await ask(aws, "aws_logs", log_group="zeppelin")
    assert far.text.endswith("; log groups there are: /ecs/cart-service, /ecs/tax-service")


async def test_no_line_is_no_data_with_what_was_scanned(aws: Aws) -> None:
    result = await ask(aws, "aws_logs", **CART, query="zeppelin")
    assert result.status == "no_data"
    assert result.text.startswith("no line in the window holds 'zeppelin'\n[0 of ")


async def test_a_query_that_does_not_end_is_stopped_and_is_an_error(
    aws: Aws, endless: AwsDouble, journal: Journal
) -> None:
    result = await ask(replace(aws, timeout_s=0.5), "aws_logs", **CART)
    assert result.status == "error"
    assert result.error == (
        "the query was Running after 0.5 s with 0 records scanned, and was stopped: "
        "ask for a narrower window"
    )
    assert result.window is not None
    await stopped(endless, journal)
    assert len(endless.of("GetQueryResults")) < 8


async def test_a_query_that_is_given_up_is_stopped(
    aws: Aws, endless: AwsDouble, journal: Journal
) -> None:
    asking = asyncio.create_task(ask(aws, "aws_logs", **CART))
    await journal.first("GetQueryResults")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await stopped(endless, journal)


async def stopped(double: AwsDouble, journal: Journal) -> None:
    """Wait until the query that was started is stopped."""
    [query] = list(double.scene.queries)[-1:]
    assert (await journal.first("StopQuery")).parameters == {"queryId": query}


def test_lines_and_patterns_are_bounded_and_on_one_line() -> None:
    span = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    row = {"@timestamp": "2026-01-01 00:00:00.125", "@message": "a\x1b[31m\nb" + "x" * 1000}
    [line], text = shaped("raw", [row], span, 10)
    assert line["at"] == "2026-01-01T00:00:00.125Z"
    assert line["message"].endswith("x [508 more characters]")
    assert len(text.splitlines()) == 2


@pytest.mark.parametrize("hours", [1, 2, 24, 24 * 7, 24 * 30])
def test_a_count_has_no_more_bins_than_fit(hours: int) -> None:
    minutes = bin_minutes(Window.parse(f"last {hours}h"))
    assert hours * 60 / minutes <= BIN_COUNT


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"log_group": "a | b"}, "log_group"),
        ({"query": "a\nb"}, "query"),
        ({"query": "x" * 201}, "query"),
        ({"mode": "sql"}, "mode"),
        ({"limit": 0}, "limit"),
    ],
)
async def test_a_wrong_argument_is_refused_by_its_name(
    aws: Aws, arguments: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        await ask(aws, "aws_logs", **{**CART, **arguments})
    assert [problem["loc"] for problem in refused.value.errors()] == [(named,)]
