"""Questions to Datadog's metrics: how a value went, and how in the time before."""

import math
import re
from collections.abc import Sequence
from http import HTTPStatus
from statistics import fmean
from typing import Annotated, Any

from datadog_api_client.v2.api.metrics_api import MetricsApi
from datadog_api_client.v2.model.metrics_data_source import MetricsDataSource
from datadog_api_client.v2.model.metrics_timeseries_query import MetricsTimeseriesQuery
from datadog_api_client.v2.model.timeseries_formula_query_request import (
    TimeseriesFormulaQueryRequest,
)
from datadog_api_client.v2.model.timeseries_formula_request import TimeseriesFormulaRequest
from datadog_api_client.v2.model.timeseries_formula_request_attributes import (
    TimeseriesFormulaRequestAttributes,
)
from datadog_api_client.v2.model.timeseries_formula_request_type import (
    TimeseriesFormulaRequestType,
)
from pydantic import Field

from graph.tools.datadog.client import SOURCE, Asking, Datadog, together
from graph.tools.datadog.links import page
from graph.tools.datadog.metric_names import like, metric_names, tags_of
from graph.tools.datadog.moments import milliseconds
from graph.tools.datadog.refusal import DatadogRefused
from graph.tools.result import ToolResult, table
from graph.tools.series import SERIES_COLUMNS, Series, described
from graph.tools.window import Window, WindowText

POINTS = 120
"""Points of one series in the window, at most; the interval follows from it."""
_INTERVALS_S = (10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200)
_METRIC = re.compile(r"(?:^|[:(\s])([A-Za-z][\w.]*)\{")
_FORM = "one query such as avg:NAME{service:x} by {host}, without arithmetic"
Pair = tuple[Series, Series | None]
"""A series in the window, and the same one in the window before, if it was there."""


class Metrics:
    """Asks POST /api/v2/query/timeseries."""

    def __init__(self, datadog: Datadog) -> None:
        self._datadog = datadog

    async def query_metrics(
        self,
        query: Annotated[
            str,
            Field(
                min_length=1,
                max_length=1000,
                description="Such as avg:system.cpu.user{service:x} by {host}",
            ),
        ],
        window: WindowText = "last 1h",
        compare: Annotated[bool, Field(description="Also look at the window before")] = True,
        max_series: Annotated[int, Field(ge=1, le=50)] = 10,
    ) -> ToolResult:
        """Show Datadog metrics: statistics of each series, the window before, when it changed.

        What changed most comes first.
        """
        span = Window.parse(window)
        interval_s = _interval_s(span)
        with self._datadog.asking(f"timeseries {query!r} every {interval_s} s", span) as ask:
            spans = [span, span.before()] if compare else [span]
            answers = await together(*(_series(ask, query, at, interval_s) for at in spans))
            before = answers[1] if compare else {}
            pairs = [(series, before.get(name)) for name, series in answers[0].items()]
            if not pairs:
                return await self._nothing(ask, span, query, stopped=bool(before))
            pairs.sort(key=_most_changed_first)
            kept = pairs[:max_series]
            rows = [described(now, earlier) for now, earlier in kept]
            notes = [
                *_left_out(len(pairs) - len(kept)),
                *_gone([name for name in before if name not in answers[0]]),
            ]
            return ToolResult(
                status="ok",
                source=SOURCE,
                query=ask.question,
                window=str(span),
                matched=len(pairs),
                returned=len(kept),
                url=page(self._datadog.site, "metric/explorer", span, exp_query=query),
                text=ask.text(table(SERIES_COLUMNS, rows), notes),
                data={"interval_s": interval_s, "series": _whole(rows, kept)},
            )

    async def _nothing(self, ask: Asking, span: Window, query: str, stopped: bool) -> ToolResult:
        text = "no points in the window"
        if stopped:
            text += ", but in the window before: did it stop being reported?"
        elif metric := _METRIC.search(query):
            tags = await tags_of(ask, metric[1])
            if tags is None:
                names, _ = await metric_names(ask)
                text = f"no metric is named {metric[1]!r}; {like(metric[1], names)}"
            else:
                text += f"; {metric[1]} has the tags {', '.join(sorted(tags)) or '-'}"
        return ToolResult(
            status="no_data",
            source=SOURCE,
            query=ask.question,
            window=str(span),
            url=page(self._datadog.site, "metric/explorer", span, exp_query=query),
            text=ask.text("", [text]),
        )


async def _series(ask: Asking, query: str, span: Window, interval_s: int) -> dict[str, Series]:
    """The series with points in that window, by name. Raises DatadogRefused."""
    try:
        answer = await ask(MetricsApi, "query_timeseries_data", body=_body(query, span, interval_s))
    except DatadogRefused as refused:
        if refused.status != HTTPStatus.BAD_REQUEST:
            raise
        said = f"{refused}: {_FORM}"
        raise DatadogRefused(said, refused.query, refused.window, refused.status) from refused
    told: dict[str, Any] = answer["data"].get("attributes") or {}
    stamps = [at / 1000 for at in told.get("times") or []]
    found: dict[str, Series] = {}
    for head, values in zip(told.get("series") or [], told.get("values") or [], strict=False):
        name = ", ".join(map(str, head.get("group_tags") or [])) or query
        points = list(zip(stamps, values, strict=False))
        series = Series(name, points, _unit(head.get("unit")))
        if series.values:
            found[name] = series
    return found


def _body(query: str, span: Window, interval_s: int) -> TimeseriesFormulaQueryRequest:
    start, end = milliseconds(span)
    sources: Any = [
        MetricsTimeseriesQuery(data_source=MetricsDataSource.METRICS, query=query, name="asked")
    ]
    return TimeseriesFormulaQueryRequest(
        data=TimeseriesFormulaRequest(
            attributes=TimeseriesFormulaRequestAttributes(
                _from=start,
                to=end,
                interval=interval_s * 1000,
                queries=sources,
            ),
            type=TimeseriesFormulaRequestType.TIMESERIES_REQUEST,
        )
    )


def _interval_s(span: Window) -> int:
    needed = span.seconds / POINTS
    return next((one for one in _INTERVALS_S if one >= needed), math.ceil(needed))


def _unit(told: Any) -> str:
    """`request/second` of the two parts that Datadog tells; empty where it tells none."""
    parts = told if isinstance(told, list) else []
    names = [str(part["name"]) for part in parts if isinstance(part, dict) and part.get("name")]
    return "/".join(names)


def _most_changed_first(pair: Pair) -> tuple[float, float]:
    """By how far the averages are apart; without a window before, by how far the values are."""
    now, before = pair
    average = fmean(now.values)
    low, high = min(now.values), max(now.values)
    if before is not None:
        low, high = sorted((average, fmean(before.values)))
    most = max(abs(low), abs(high))
    return -((high - low) / most if most else 0.0), -abs(average)


def _left_out(count: int) -> list[str]:
    return [f"[{count} further series, which changed less; narrow the query]"] if count else []


def _gone(names: list[str]) -> list[str]:
    """Series that were there in the window before alone."""
    shown = "; ".join(names[:5])
    return [f"[{len(names)} series only in the window before: {shown}]"] if names else []


def _whole(rows: Sequence[dict[str, Any]], pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    return [
        {
            **row,
            "values": [list(point) for point in now.points],
            "before": [list(point) for point in before.points] if before else [],
        }
        for row, (now, before) in zip(rows, pairs, strict=True)
    ]
