"""CloudWatch metrics, as if one value a minute had been put for each of the story's.

So within a period the average is that of its minutes, and the sum is the average times the
number of minutes. What has not happened yet has no values.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from lab.aws.scene import Parameters, Refused, Result, Scene, page
from lab.signals import CloudWatchMetric

POINT_LIMIT = 100_800
"""Data points in one answer; AWS's own limit."""
STATISTICS_LIMIT = 1440
"""Data points in one answer of GetMetricStatistics; AWS's own limit."""
_STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "Average": lambda values: sum(values) / len(values),
    "Sum": sum,
    "Minimum": min,
    "Maximum": max,
    "SampleCount": lambda values: float(len(values)),
}


def list_metrics(scene: Scene, parameters: Parameters) -> Result:
    """ListMetrics: by namespace, name, and dimensions with or without a value."""
    wanted = parameters.get("Dimensions") or []
    found = [
        _named(entry)
        for entry in scene.story.cloudwatch
        if parameters.get("Namespace") in (None, entry.namespace)
        and parameters.get("MetricName") in (None, entry.metric)
        and all(
            each["Name"] in entry.dimensions
            and each.get("Value") in (None, entry.dimensions[each["Name"]])
            for each in wanted
        )
    ]
    part, following = page(parameters, found, ("", 500, 500))
    return {"Metrics": part, **following}


def metric_data(scene: Scene, parameters: Parameters) -> Result:
    """GetMetricData, without metric math, which it refuses."""
    start, end = _span(parameters)
    newest_first = parameters.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    results: list[Result] = []
    left = min(int(parameters.get("MaxDatapoints") or POINT_LIMIT), POINT_LIMIT)
    for query in parameters["MetricDataQueries"]:
        asked = query.get("MetricStat")
        if asked is None:
            raise Refused("ValidationError", "the lab computes no metric math: give a MetricStat")
        if query.get("ReturnData") is False:
            continue
        points = _points(scene, asked["Metric"], asked["Period"], (start, end))
        chosen = [(at, _value(asked["Stat"], values)) for at, values in points]
        if len(chosen) > left:
            raise Refused("ValidationError", "more data points than one answer holds")
        left -= len(chosen)
        chosen = chosen[::-1] if newest_first else chosen
        results.append(
            {
                "Id": query["Id"],
                "Label": query.get("Label") or asked["Metric"]["MetricName"],
                "Timestamps": [at for at, _ in chosen],
                "Values": [value for _, value in chosen],
                "StatusCode": "Complete",
            }
        )
    return {"MetricDataResults": results, "Messages": []}


def metric_statistics(scene: Scene, parameters: Parameters) -> Result:
    """GetMetricStatistics; its data points come in no order on AWS, here the newest first."""
    points = _points(scene, parameters, parameters["Period"], _span(parameters))
    if len(points) > STATISTICS_LIMIT:
        raise Refused("InvalidParameterCombination", "more than 1,440 data points were asked for")
    entry = _find(scene, parameters)
    return {
        "Label": parameters["MetricName"],
        "Datapoints": [
            {
                "Timestamp": at,
                "Unit": entry.unit if entry else "None",
                **{name: _value(name, values) for name in parameters.get("Statistics") or ()},
                "ExtendedStatistics": {
                    name: _value(name, values)
                    for name in parameters.get("ExtendedStatistics") or ()
                },
            }
            for at, values in reversed(points)
        ],
    }


def _named(entry: CloudWatchMetric) -> Result:
    return {
        "Namespace": entry.namespace,
        "MetricName": entry.metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in entry.dimensions.items()],
    }


def _span(parameters: Parameters) -> tuple[datetime, datetime]:
    start, end = parameters["StartTime"], parameters["EndTime"]
    if start >= end:
        raise Refused("ValidationError", "the parameter StartTime must be less than EndTime")
    return start, end


def _find(scene: Scene, asked: dict[str, Any]) -> CloudWatchMetric | None:
    dimensions = {each["Name"]: each["Value"] for each in asked.get("Dimensions") or ()}
    return next(
        (
            entry
            for entry in scene.story.cloudwatch
            if (entry.namespace, entry.metric) == (asked["Namespace"], asked["MetricName"])
            and entry.dimensions == dimensions
        ),
        None,
    )


def _points(
    scene: Scene, asked: dict[str, Any], period_s: int, span: tuple[datetime, datetime]
) -> list[tuple[datetime, list[float]]]:
    """The values of each period in the span, the oldest first."""
    if period_s <= 0 or period_s % 60:
        raise Refused("ValidationError", "the lab's metrics have periods of whole minutes")
    entry = _find(scene, asked)
    first = int(span[0].timestamp()) // period_s * period_s
    last = min(math.ceil(span[1].timestamp()), int(scene.story.now.timestamp()))
    if (last - first) // period_s > POINT_LIMIT or entry is None:
        if entry is None:
            return []
        raise Refused("ValidationError", "more data points than one answer holds")
    return [
        (
            datetime.fromtimestamp(begin, UTC),
            [
                scene.story.level(entry, datetime.fromtimestamp(minute, UTC))
                for minute in range(begin, min(begin + period_s, last), 60)
            ],
        )
        for begin in range(first, last, period_s)
    ]


def _value(statistic: str, values: list[float]) -> float:
    """One statistic of the minutes of a period, for example `p95`."""
    if known := _STATISTICS.get(statistic):
        return known(values)
    number = statistic.removeprefix("p")
    try:
        part = float(number) / 100
    except ValueError:
        part = -1.0
    if statistic == number or not 0 <= part <= 1:
        raise Refused("ValidationError", f"the lab knows no statistic {statistic!r}")
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]
