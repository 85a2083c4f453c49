"""The questions to CloudWatch's metrics, asked of the lab's AWS."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from graph.tools.aws.client import Aws
from graph.tools.aws.metrics import POINTS, SERIES_LIMIT
from graph.tools.window import Window, iso
from lab.aws import AwsDouble
from lab.faults import Status
from lab.story import Story
from tests.graph.tools.aws.conftest import ask

ERRORS: dict[str, Any] = {
    "namespace": "AWS/ApplicationELB",
    "metric": "HTTPCode_Target_5XX_Count",
    "dimensions": {"LoadBalancer": "app/shop/1"},
    "statistic": "Sum",
}
QUEUES = {"namespace": "Shop", "metric": "QueueDepth"}
ORDERS_DB = {"DBInstanceIdentifier": "orders-db"}


async def test_a_metric_is_compared_with_the_window_before_in_one_request(
    aws: Aws, double: AwsDouble, story: Story
) -> None:
    result = await ask(aws, "aws_metrics", **ERRORS)
    assert (result.status, result.matched, result.returned) == ("ok", 1, 1)
    assert [seen.operation for seen in double.requests] == ["GetMetricData"]
    assert result.query == (
        "cloudwatch:GetMetricData AWS/ApplicationELB HTTPCode_Target_5XX_Count "
        "LoadBalancer=app/shop/1 Sum every 60 s"
    )
    [row] = result.data["series"]
    assert row["before_avg"] == pytest.approx(2, rel=0.05)
    assert row["max"] == pytest.approx(140, rel=0.05)
    assert len(row["values"]) == pytest.approx(60, abs=1)
    assert len(row["before"]) == pytest.approx(60, abs=1)
    onset = datetime.fromisoformat(row["onset"])
    assert abs(onset - story.ago(30)) < timedelta(minutes=2)
    assert result.text.splitlines()[1].startswith("LoadBalancer=app/shop/1\t")


async def test_without_comparison_nothing_is_asked_about_before(
    aws: Aws, double: AwsDouble
) -> None:
    result = await ask(aws, "aws_metrics", **ERRORS, compare=False)
    [seen] = double.requests
    assert (seen.parameters or {})["StartTime"] == Window.parse(result.window or "").start
    assert (result.data["series"][0]["before_avg"], result.data["series"][0]["before"]) == (
        None,
        [],
    )


@pytest.mark.parametrize(
    ("window", "seconds"),
    [("last 5m", 60), ("last 2h", 60), ("last 3h", 120), ("last 30d", 21_600)],
)
async def test_the_period_follows_from_the_window(
    aws: Aws, double: AwsDouble, window: str, seconds: int
) -> None:
    result = await ask(aws, "aws_metrics", **ERRORS, window=window, compare=False)
    parameters = double.requests[0].parameters or {}
    [query] = parameters["MetricDataQueries"]
    assert result.data["period_s"] == query["MetricStat"]["Period"] == seconds
    assert 0 < len(result.data["series"][0]["values"]) <= POINTS + 1


@pytest.mark.parametrize(("days", "multiple"), [(20, 300), (70, 3600)])
async def test_older_points_are_asked_for_as_coarsely_as_they_are_kept(
    aws: Aws, story: Story, days: int, multiple: int
) -> None:
    start = story.now - timedelta(days=days)
    window = f"{iso(start)}/{iso(start + timedelta(hours=1))}"
    result = await ask(aws, "aws_metrics", **ERRORS, window=window, compare=False)
    assert result.data["period_s"] == multiple


async def test_without_dimensions_each_set_of_them_is_a_series_up_to_a_limit(aws: Aws) -> None:
    result = await ask(aws, "aws_metrics", **QUEUES, window="last 10m")
    names = [row["series"] for row in result.data["series"]]
    assert names == [f"Queue=queue-{number:02}" for number in range(SERIES_LIMIT)]
    assert (result.matched, result.returned) == (13, SERIES_LIMIT)
    assert result.text.endswith("\n[3 further sets of dimensions; name one]")


async def test_all_sets_are_shown_without_a_word_about_others(aws: Aws) -> None:
    result = await ask(aws, "aws_metrics", namespace="AWS/RDS", metric="DatabaseConnections")
    assert (result.matched, result.returned) == (3, 3)
    assert "further" not in result.text


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (
            {"namespace": "AWS/RDS", "metric": "CPUUtilization", "dimensions": {"Role": "x"}},
            "AWS/RDS CPUUtilization has dimensions DBInstanceIdentifier=orders-db; ",
        ),
        (
            {"namespace": "AWS/RDS", "metric": "CPU"},
            "AWS/RDS has metrics CPUUtilization; DatabaseConnections",
        ),
        ({"namespace": "AWS/SQS", "metric": "X"}, "there are namespaces AWS/ApplicationELB; "),
    ],
)
async def test_no_points_are_no_data_with_what_there_is(
    aws: Aws, arguments: dict[str, Any], near: str
) -> None:
    result = await ask(aws, "aws_metrics", **arguments)
    assert (result.status, result.error, result.matched) == ("no_data", None, 0)
    assert result.text.startswith(f"no points in the window; {near}")


async def test_what_there_is_may_be_refused_without_hiding_that_there_are_no_points(
    aws: Aws, double: AwsDouble
) -> None:
    double.queue(Status(403, "no list"), operation="ListMetrics")
    absent = {**ERRORS, "dimensions": {"LoadBalancer": "none"}}
    result = await ask(aws, "aws_metrics", **absent)
    assert result.status == "no_data"
    assert "what metrics there are is not known: AccessDeniedException: no list" in result.text


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"statistic": "Median"}, "statistic"),
        ({"statistic": "p"}, "statistic"),
        ({"dimensions": {"LoadBalancer": 5}}, "dimensions"),
        ({"window": "yesterday"}, "window"),
        ({"metric": ""}, "metric"),
        ({"period": 60}, "period"),
    ],
)
async def test_a_wrong_argument_is_refused_by_its_name(
    aws: Aws, arguments: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        await ask(aws, "aws_metrics", **{**ERRORS, **arguments})
    assert {problem["loc"][0] for problem in refused.value.errors()} == {named}
