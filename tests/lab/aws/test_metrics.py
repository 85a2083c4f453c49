from datetime import datetime, timedelta
from typing import Any

import pytest

from lab.story import Story, instance_id
from tests.lab.aws.conftest import Ask, refused

LATENCY = {
    "Namespace": "AWS/ApplicationELB",
    "MetricName": "TargetResponseTime",
    "Dimensions": [{"Name": "LoadBalancer", "Value": "app/shop/50dc6c495c0c9188"}],
}
MEMORY = {
    "Namespace": "AWS/ECS",
    "MetricName": "MemoryUtilization",
    "Dimensions": [
        {"Name": "ServiceName", "Value": "pricing-service"},
        {"Name": "ClusterName", "Value": "shop"},
    ],
}


def query(metric: dict[str, Any], statistic: str, period_s: int = 60) -> dict[str, Any]:
    return {
        "Id": f"m{statistic.lower().replace('.', '_')}",
        "MetricStat": {"Metric": metric, "Period": period_s, "Stat": statistic},
    }


async def values(
    ask: Ask, metric: dict[str, Any], statistic: str, period_s: int, span: tuple[datetime, datetime]
) -> list[float]:
    answer = await ask(
        "cloudwatch",
        "get_metric_data",
        MetricDataQueries=[query(metric, statistic, period_s)],
        StartTime=span[0],
        EndTime=span[1],
        ScanBy="TimestampAscending",
    )
    [result] = answer["MetricDataResults"]
    assert result["StatusCode"] == "Complete"
    assert len(result["Timestamps"]) == len(result["Values"])
    return [float(value) for value in result["Values"]]


async def test_metrics_are_found_by_namespace_name_and_dimension(ask: Ask) -> None:
    async def listed(**parameters: Any) -> list[dict[str, Any]]:
        metrics: list[dict[str, Any]] = (await ask("cloudwatch", "list_metrics", **parameters))[
            "Metrics"
        ]
        return metrics

    machine = {"Name": "InstanceId", "Value": instance_id("data-node-1")}
    [cpu] = await listed(Namespace="AWS/EC2", Dimensions=[machine])
    assert cpu == {
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Dimensions": [machine],
    }
    assert await listed(Namespace="AWS/RDS", MetricName="Nothing") == []
    assert len(await listed(Dimensions=[{"Name": "InstanceId"}])) == 5
    assert {each["Namespace"] for each in await listed()} >= {"AWS/EC2", "AWS/RDS", "AWS/ECS"}


async def test_values_show_when_the_trouble_began(ask: Ask, story: Story) -> None:
    before = await values(ask, LATENCY, "Average", 60, (story.ago(90), story.ago(32)))
    since = await values(ask, LATENCY, "Average", 60, (story.ago(28), story.now))
    assert len(before) == pytest.approx(58, abs=1)
    assert max(before) < 0.2
    assert len(since) == pytest.approx(28, abs=1)
    assert min(since) > 1.5


async def test_statistics_of_a_period_fit_each_other(ask: Ask, story: Story) -> None:
    start = story.ago(100).replace(minute=0, second=0, microsecond=0)
    span = (start, start + timedelta(minutes=30))
    every = {
        name: await values(ask, MEMORY, name, 600, span)
        for name in ("Average", "Sum", "Minimum", "Maximum", "SampleCount", "p50", "p90", "p99")
    }
    assert every["SampleCount"] == [10, 10, 10]
    for place, average in enumerate(every["Average"]):
        assert every["Sum"][place] == pytest.approx(10 * average)
        low, high = every["Minimum"][place], every["Maximum"][place]
        assert low <= every["p50"][place] <= every["p90"][place] <= every["p99"][place] == high
    single = await values(ask, LATENCY, "p95", 60, span)
    assert single == await values(ask, LATENCY, "Average", 60, span)


async def test_periods_begin_on_whole_periods_newest_first(ask: Ask, story: Story) -> None:
    answer = await ask(
        "cloudwatch",
        "get_metric_data",
        MetricDataQueries=[query(LATENCY, "Average", 300), query(MEMORY, "Maximum", 300)],
        StartTime=story.ago(60),
        EndTime=story.now + timedelta(hours=1),
    )
    first, second = answer["MetricDataResults"]
    times = first["Timestamps"]
    assert times == sorted(times, reverse=True) == second["Timestamps"]
    assert not [at for at in times if at.minute % 5 or at.second]
    assert times[0] <= story.now


async def test_a_metric_that_is_not_there_has_no_values(ask: Ask, story: Story) -> None:
    span = (story.ago(60), story.now)
    fewer = {**MEMORY, "Dimensions": MEMORY["Dimensions"][:1]}
    assert await values(ask, fewer, "Average", 60, span) == []
    assert await values(ask, {**MEMORY, "MetricName": "None"}, "Average", 60, span) == []


async def test_metric_statistics_say_the_same_as_metric_data(ask: Ask, story: Story) -> None:
    span = (story.ago(30), story.ago(10))
    answer = await ask(
        "cloudwatch",
        "get_metric_statistics",
        **LATENCY,
        Period=60,
        Statistics=["Maximum"],
        ExtendedStatistics=["p99"],
        StartTime=span[0],
        EndTime=span[1],
    )
    points = sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])
    expected = await values(ask, LATENCY, "Maximum", 60, span)
    assert [point["Maximum"] for point in points] == expected
    assert [point["ExtendedStatistics"]["p99"] for point in points] == expected
    assert {point["Unit"] for point in points} == {"Seconds"}


@pytest.mark.parametrize(
    "wrong",
    [
        query(LATENCY, "p101"),
        query(LATENCY, "Middle"),
        query(LATENCY, "Average", 45),
        {"Id": "e1", "Expression": "m1 * 2"},
    ],
    ids=["percentile", "statistic", "period", "expression"],
)
async def test_what_the_lab_cannot_compute_is_refused(
    ask: Ask, story: Story, wrong: dict[str, Any]
) -> None:
    refusal = await refused(
        ask,
        "cloudwatch",
        "get_metric_data",
        MetricDataQueries=[wrong],
        StartTime=story.ago(10),
        EndTime=story.now,
    )
    assert refusal == (400, "ValidationError")


async def test_too_many_points_are_refused_and_none_are_made(ask: Ask, story: Story) -> None:
    refusal = await refused(
        ask,
        "cloudwatch",
        "get_metric_data",
        MetricDataQueries=[query(LATENCY, "Average")],
        StartTime=story.ago(400 * 1440),
        EndTime=story.now,
    )
    assert refusal == (400, "ValidationError")
