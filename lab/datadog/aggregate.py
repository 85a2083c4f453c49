"""Counts and measures per group, for logs and spans."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from lab.datadog.asked import Filter, Part, Refused, iso_ms
from lab.datadog.measure import Compute, Function, Sample, field_name, measure
from lab.story import Story

POINTS = 150
"""Into how many intervals a time is cut when the request does not say."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Sort(Part):
    """An order of groups."""

    aggregation: Function = "count"
    metric: str | None = None
    order: Literal["asc", "desc"] = "desc"
    type: Literal["alphabetical", "measure"] = "alphabetical"


class GroupBy(Part):
    """A facet that tells groups apart."""

    facet: str
    limit: int = Field(10, ge=1, le=10_000)
    missing: str | float | None = None
    sort: Sort | None = None


class Aggregation(Part):
    """The body of a request for groups."""

    compute: list[Compute] = Field(
        default_factory=lambda: [Compute(aggregation="count")], min_length=1
    )
    filter: Filter = Field(default_factory=lambda: Filter.model_validate({}))
    group_by: list[GroupBy] = Field(default_factory=list, max_length=4)
    options: dict[str, Any] = Field(default_factory=dict)
    page: dict[str, Any] = Field(default_factory=dict)


Samples = Callable[[datetime, datetime, frozenset[str]], Iterable[Sample]]
"""The records of a time that a search found; the names are the fields that must be there."""


def buckets(
    asked: Aggregation, story: Story, samples: Samples
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The groups with what was computed, in the asked order.

    Raises Refused(400) for a measure that has no metric, or an interval that is none.
    """
    for compute in asked.compute:
        if compute.aggregation != "count" and not compute.metric:
            raise Refused(400, f"compute '{compute.aggregation}' needs a metric")
    start, end = asked.filter.window(story)
    whole = _grouped(asked, samples, start, end)
    result: dict[tuple[str, ...], dict[str, Any]] = {
        by: {
            f"c{place}": [] if compute.type == "timeseries" else measure(compute, found)
            for place, compute in enumerate(asked.compute)
        }
        for by, found in whole.items()
    }
    for place, compute in enumerate(asked.compute):
        for at, until in _steps(compute, start, end):
            parts = _grouped(asked, samples, at, until)
            for by in whole:
                value = measure(compute, parts.get(by, []))
                result[by][f"c{place}"].append({"time": iso_ms(at), "value": value})
    facets = [group.facet for group in asked.group_by]
    return [(dict(zip(facets, by, strict=True)), result[by]) for by in _kept(asked, whole)]


def _grouped(
    asked: Aggregation, samples: Samples, start: datetime, end: datetime
) -> dict[tuple[str, ...], list[Sample]]:
    needed = {field_name(group.facet) for group in asked.group_by}
    needed |= {field_name(c.metric) for c in asked.compute if c.metric}
    facets = [(field_name(group.facet), group.missing) for group in asked.group_by]
    groups: dict[tuple[str, ...], list[Sample]] = {}
    for sample in samples(start, end, frozenset(needed)):
        values = [
            found[0] if (found := sample.fields.get(name)) else missing for name, missing in facets
        ]
        if None not in values and sample.weight > 0:
            groups.setdefault(tuple(str(value) for value in values), []).append(sample)
    return groups


def _steps(compute: Compute, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    if compute.type == "total" or start >= end:
        return
    step = (end - start) / POINTS
    if compute.interval:
        written = re.fullmatch(r"(\d{1,5})([smhd])", compute.interval)
        if written is None or int(written[1]) == 0:
            raise Refused(400, f"'{compute.interval}' is not a valid interval")
        step = timedelta(**{_UNITS[written[2]]: int(written[1])})
    if (end - start) / step > 10 * POINTS:
        raise Refused(400, f"'{compute.interval}' makes too many points of this time")
    at = start
    while at < end:
        yield at, min(at + step, end)
        at += step


def _kept(asked: Aggregation, groups: dict[tuple[str, ...], list[Sample]]) -> list[tuple[str, ...]]:
    """The groups in order: of each facet as many values as its limit, within the one before."""
    sort = next((group.sort for group in asked.group_by if group.sort), None)
    if sort is None:
        sort = Sort(type="measure")
    if sort.type == "alphabetical":
        ordered = sorted(groups, reverse=sort.order == "desc")
    else:
        compute = Compute(aggregation=sort.aggregation, metric=sort.metric)
        sign = -1 if sort.order == "desc" else 1
        ordered = sorted(groups, key=lambda by: (sign * (measure(compute, groups[by]) or 0), by))
    kept, seen = [], dict[tuple[str, ...], set[str]]()
    for by in ordered:
        levels = [(seen.setdefault(by[:n], set()), group) for n, group in enumerate(asked.group_by)]
        if all(
            value in known or len(known) < group.limit
            for value, (known, group) in zip(by, levels, strict=True)
        ):
            kept.append(by)
            for value, (known, _) in zip(by, levels, strict=True):
                known.add(value)
    return kept
