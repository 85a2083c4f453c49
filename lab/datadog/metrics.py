"""Values of metrics of the Datadog double: POST /api/v2/query/timeseries."""

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from statistics import fmean
from typing import Any, Literal

from pydantic import Field

from lab.datadog.asked import Asked, Part
from lab.datadog.catalog import tags_of
from lab.datadog.latency import Latency
from lab.datadog.metric_query import MetricQuery, computed, parse_formula, parse_query
from lab.datadog.search import Subject
from lab.signals import Metric
from lab.story import Story

POINTS = 1500
"""A longer answer is made coarser, as Datadog does."""
_INTERVALS_S = (10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_USUAL_POINTS = 150
_LOOKS = 10
"""At how many moments of an interval the story is asked."""
_UNITS: dict[str, tuple[str, str, float]] = {
    "millisecond": ("time", "ms", 0.001),
    "second": ("time", "s", 1.0),
    "minute": ("time", "min", 60.0),
    "percent": ("percentage", "%", 1.0),
    "byte": ("bytes", "B", 1.0),
    "request": ("network", "req", 1.0),
    "connection": ("network", "conn", 1.0),
}
_TOGETHER: dict[str, Callable[[Sequence[float]], float]] = {
    "avg": fmean, "sum": math.fsum, "min": min, "max": max, "count": len,
}  # fmt: skip
_Values = dict[tuple[str, ...], list[float | None]]


class _Query(Part):
    data_source: Literal["metrics"]
    query: str
    name: str = ""


class _Formula(Part):
    formula: str
    limit: dict[str, Any] | None = None


class _Attributes(Part):
    start_ms: int = Field(alias="from", ge=0, le=10**14)
    to: int = Field(ge=0, le=10**14)
    interval: int | None = Field(None, gt=0)
    queries: list[_Query] = Field(min_length=1)
    formulas: list[_Formula] = Field(default_factory=list)


class _Data(Part):
    attributes: _Attributes
    type: Literal["timeseries_request"]


class TimeseriesRequest(Part):
    """The body of POST /api/v2/query/timeseries; times in milliseconds."""

    data: _Data


def timeseries(story: Story, asked: Asked) -> dict[str, Any]:
    """The series of the queries, or of the formulas over them; none for an unknown metric.

    Raises Refused(400) for a query or formula that is none.
    """
    attributes = asked.as_(TimeseriesRequest).data.attributes
    queries = {
        q.name or f"query{n}": parse_query(q.query) for n, q in enumerate(attributes.queries)
    }
    texts = [entry.formula for entry in attributes.formulas] or list(queries)
    formulas = [parse_formula(text, list(queries)) for text in texts]
    interval_s = _interval_s(attributes, list(queries.values()))
    end = min(attributes.to / 1000, story.now.timestamp())
    first = math.ceil(attributes.start_ms / 1000 / interval_s)
    times = [n * interval_s for n in range(first, math.ceil(end / interval_s))]
    found = {name: _answer(story, query, times, interval_s) for name, query in queries.items()}
    units = {name: _unit(story, query) for name, query in queries.items()}
    series, values = [], []
    for place, formula in enumerate(formulas):
        for group in sorted({group for each in found.values() for group in each}):
            row = [
                computed(formula, {name: _at(each, group, n) for name, each in found.items()})
                for n in range(len(times))
            ]
            if any(value is not None for value in row):
                unit = units.get(texts[place].strip())
                series.append({"group_tags": list(group), "query_index": place, "unit": unit})
                values.append(row)
    shown = {
        "series": series,
        "times": [round(at * 1000) for at in times] if series else [],
        "values": values,
    }
    return {"data": {"type": "timeseries_response", "attributes": shown}}


def _at(found: _Values, group: tuple[str, ...], place: int) -> float | None:
    row = found.get(group) or found.get(())
    return row[place] if row else None


def _interval_s(asked: _Attributes, queries: list[MetricQuery]) -> float:
    span_s = max(1.0, (asked.to - asked.start_ms) / 1000)
    usual = next((s for s in _INTERVALS_S if span_s / s <= _USUAL_POINTS), _INTERVALS_S[-1])
    wanted = asked.interval / 1000 if asked.interval else float(usual)
    rolled = [query.rollup_s for query in queries if query.rollup_s]
    wanted = max([wanted, *rolled]) if rolled else wanted
    return max(wanted, math.ceil(span_s / POINTS))


def _answer(story: Story, query: MetricQuery, times: list[float], interval_s: float) -> _Values:
    """The values of each group at these times."""
    groups: dict[tuple[str, ...], dict[tuple[tuple[str, str], ...], list[Metric]]] = {}
    for metric in story.metrics:
        tags = tags_of(story, metric)
        if metric.name == query.metric and query.scope(Subject(tags)):
            group = tuple(f"{tag}:{','.join(tags.get(tag, ('N/A',)))}" for tag in query.by)
            source = tuple(sorted(metric.tags.items()))
            groups.setdefault(group, {}).setdefault(source, []).append(metric)
    rows: _Values = {}
    for group, sources in groups.items():
        readers = [reader for entries in sources.values() for reader in _readers(query, entries)]
        if readers:
            rows[group] = [_point(story, query, readers, at, interval_s) for at in times]
    return rows


_Reader = Callable[[Story, datetime], float]


def _readers(query: MetricQuery, entries: list[Metric]) -> Iterator[_Reader]:
    """How one source's value under the query's aggregation is read, if it can be."""
    known = {entry.aggregation: entry for entry in entries}
    entry = known.get(query.aggregation) or known.get(None)  # type: ignore[call-overload]
    if entry is not None:
        yield lambda story, at: story.level(entry, at)
    elif "avg" in known and "p99" in known:
        shares = {"min": 0.001, "max": 0.999, "p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95}
        if share := shares.get(query.aggregation):
            average, p99 = known["avg"], known["p99"]
            yield lambda story, at: Latency(
                story.level(average, at), story.level(p99, at)
            ).quantile(share)


def _point(
    story: Story, query: MetricQuery, readers: list[_Reader], start_s: float, interval_s: float
) -> float | None:
    """The value of an interval: over its moments by the rollup, over sources by aggregation."""
    looks = min(_LOOKS, max(1, int(interval_s // 60)))
    moments = [datetime.fromtimestamp(start_s + interval_s * n / looks, UTC) for n in range(looks)]
    moments = [at for at in moments if at <= story.now]
    together = _TOGETHER.get(query.aggregation, max)
    rolled = _TOGETHER[query.rollup]
    value = together([rolled([read(story, at) for at in moments]) for read in readers])
    if query.per == "count":
        return value * interval_s / 60
    return value / 60 if query.per == "rate" else value


def _unit(story: Story, query: MetricQuery) -> list[dict[str, Any] | None] | None:
    written = next((m.unit for m in story.metrics if m.name == query.metric and m.unit), "")
    name, _, per = written.partition("/")
    if not name:
        return None
    each = {"count": "", "rate": "second"}.get(query.per, {"min": "minute"}.get(per, per))
    return [_unit_of(name), _unit_of(each) if each else None]


def _unit_of(name: str) -> dict[str, Any]:
    family, short, scale = _UNITS.get(name, ("general", name, 1.0))
    plural = name if name == "percent" else f"{name}s"
    return {
        "family": family,
        "name": name,
        "plural": plural,
        "scale_factor": scale,
        "short_name": short,
    }
