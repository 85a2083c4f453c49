"""Questions to CloudWatch's metrics: how a value went, and how in the time before."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import Field

from graph.tools.aws.client import SOURCE, Aws, within
from graph.tools.aws.metric_names import Dimensions, MetricNames, set_name
from graph.tools.aws.refusal import AwsRefused
from graph.tools.result import ToolResult, table
from graph.tools.series import SERIES_COLUMNS, Series, described
from graph.tools.window import Window, WindowText
from graph.untrusted import printable

POINTS = 120
"""Points of one series in the window, at most; the period follows from it."""
SERIES_LIMIT = 10
"""Sets of dimensions that are looked at when none are given."""
PAGES = 3
_KEPT = ((timedelta(days=63), 3600), (timedelta(days=15), 300))
"""CloudWatch keeps older points only for every hour and for every five minutes."""
Text = Annotated[str, Field(min_length=1, max_length=255)]
Pair = tuple[Series, Series]
"""A series in the window, and the same one in the window before."""


class Metrics:
    """Asks cloudwatch:GetMetricData and cloudwatch:ListMetrics."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._names = MetricNames(aws)

    async def aws_metrics(  # noqa: PLR0913 (the arguments are what a model can ask for)
        self,
        namespace: Annotated[Text, Field(description="Such as AWS/RDS or AWS/ApplicationELB")],
        metric: Annotated[Text, Field(description="Such as CPUUtilization")],
        dimensions: Annotated[
            Dimensions,
            Field(
                max_length=30,
                description="The exact set, such as DBInstanceIdentifier; empty for all there are",
            ),
        ] = {},  # noqa: B006 (nothing changes it)
        statistic: Annotated[
            str,
            Field(
                pattern=r"^(Average|Sum|Minimum|Maximum|SampleCount|p\d{1,2}(\.\d{1,2})?)$",
                description="Average, Sum, Minimum, Maximum, SampleCount, or such as p95",
            ),
        ] = "Average",
        window: WindowText = "last 1h",
        compare: Annotated[bool, Field(description="Also look at the window before")] = True,
    ) -> ToolResult:
        """Show a CloudWatch metric: its statistics, when it changed, the window before, its shape.

        Without dimensions it looks for all sets of them that the metric has.
        """
        asked = _Asked(namespace, metric, statistic, Window.parse(window), compare)
        with within(asked.time):
            sets, further, more = [dimensions], 0, False
            if not dimensions:
                found, more = await self._names.sets(namespace, metric)
                sets = found[:SERIES_LIMIT]
                further = len(found) - len(sets)
            series, notes = await self._series(asked, sets) if sets else ([], [])
            if not any(now.values for now, _ in series):
                return await self._nothing(asked, dimensions, series)
        if further or more:
            notes.append(
                f"[{further}{' or more' if more else ''} further sets of dimensions; name one]"
            )
        result = self._shaped(asked, dimensions, series, notes)
        return result.model_copy(update={"matched": len(sets) + further})

    async def _series(
        self, asked: "_Asked", sets: Sequence[Dimensions]
    ) -> tuple[list[Pair], list[str]]:
        """A pair for each set, and what is to be said about them."""
        answers, more = await self._aws.pages(
            "cloudwatch",
            "GetMetricData",
            PAGES,
            MetricDataQueries=[asked.query(f"m{n}", chosen) for n, chosen in enumerate(sets)],
            StartTime=asked.first,
            EndTime=asked.time.end,
            ScanBy="TimestampAscending",
        )
        points: dict[str, list[tuple[float, float | None]]] = {}
        notes = ["[there are further points; ask for a narrower window]"] if more else []
        for answer in answers:
            notes += [
                printable(f"[AWS: {part.get('Value')}]") for part in answer.get("Messages", [])
            ]
            for result in answer.get("MetricDataResults", []):
                stamps = [moment.timestamp() for moment in result.get("Timestamps", [])]
                there = points.setdefault(result.get("Id", ""), [])
                there += zip(stamps, result.get("Values", []), strict=False)
                if result.get("StatusCode") in ("InternalError", "Forbidden"):
                    notes.append(f"[{result.get('Id')}: {result['StatusCode']}: not known]")
        if notes and not any(points.values()):
            raise AwsRefused("; ".join(notes), asked.question({}))
        pairs = [
            _split(set_name(chosen) or asked.metric, sorted(points.get(f"m{n}", [])), asked)
            for n, chosen in enumerate(sets)
        ]
        return pairs, notes

    def _shaped(
        self, asked: "_Asked", dimensions: Dimensions, series: Sequence[Pair], notes: list[str]
    ) -> ToolResult:
        rows = [described(now, before if asked.compare else None) for now, before in series]
        return ToolResult(
            status="ok",
            source=SOURCE,
            query=asked.question(dimensions),
            window=str(asked.time),
            matched=len(rows),
            returned=len(rows),
            url=self._aws.link("cloudwatch/home#metricsV2:"),
            text="\n".join([table(SERIES_COLUMNS, rows), *notes]),
            data={
                "period_s": asked.period_s,
                "series": [
                    {**row, "values": list(now.points), "before": list(before.points)}
                    for row, (now, before) in zip(rows, series, strict=True)
                ],
            },
        )

    async def _nothing(
        self, asked: "_Asked", dimensions: Dimensions, series: Sequence[Pair]
    ) -> ToolResult:
        text = "no points in the window"
        if any(before.values for _, before in series):
            text += ", but in the window before: did it stop being reported?"
        return ToolResult(
            status="no_data",
            source=SOURCE,
            query=asked.question(dimensions),
            window=str(asked.time),
            url=self._aws.link("cloudwatch/home#metricsV2:"),
            text=f"{text}; {await self._names.near(asked.namespace, asked.metric, dimensions)}",
        )


@dataclass(frozen=True)
class _Asked:
    namespace: str
    metric: str
    statistic: str
    time: Window
    compare: bool

    @property
    def first(self) -> datetime:
        return self.time.before().start if self.compare else self.time.start

    @property
    def period_s(self) -> int:
        """A multiple of what CloudWatch keeps for that time, so that few points come."""
        age = datetime.now(UTC) - self.first
        grain = next((grain for kept, grain in _KEPT if age > kept), 60)
        return max(1, math.ceil(self.time.seconds / POINTS / grain)) * grain

    def query(self, name: str, dimensions: Dimensions) -> dict[str, Any]:
        pairs = [{"Name": key, "Value": value} for key, value in dimensions.items()]
        metric = {"Namespace": self.namespace, "MetricName": self.metric, "Dimensions": pairs}
        statistic = {"Metric": metric, "Period": self.period_s, "Stat": self.statistic}
        return {"Id": name, "MetricStat": statistic}

    def question(self, dimensions: Dimensions) -> str:
        chosen = set_name(dimensions) or "all dimensions"
        return (
            f"cloudwatch:GetMetricData {self.namespace} {self.metric} {chosen} "
            f"{self.statistic} every {self.period_s} s"
        )


def _split(name: str, points: Sequence[tuple[float, float | None]], asked: _Asked) -> Pair:
    """A point stands for its period; one that reaches into the window is of the window."""
    start = asked.time.start.timestamp() - asked.period_s
    now = [point for point in points if point[0] > start]
    return Series(name, now), Series(name, points[: len(points) - len(now)])
