"""What is measured over records that are alike."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.datadog.asked import Part

Function = Literal[
    "count", "cardinality", "sum", "min", "max", "avg", "median",
    "pc75", "pc90", "pc95", "pc98", "pc99",
]  # fmt: skip


class Compute(Part):
    """A measure."""

    aggregation: Function
    metric: str | None = None
    type: Literal["total", "timeseries"] = "total"
    interval: str | None = None


@dataclass(frozen=True)
class Sample:
    """So many records that are alike."""

    fields: Mapping[str, Sequence[str]]
    weight: float
    measures: Mapping[str, float]


def field_name(facet: str) -> str:
    """The field that a facet or a metric names; `@` marks attributes and says nothing else."""
    return facet.lstrip("@").lower()


def measure(compute: Compute, found: list[Sample]) -> float | None:
    """The measure over these records; None where none of them has the metric."""
    if compute.aggregation == "count":
        return round(sum(sample.weight for sample in found))
    name = field_name(compute.metric or "")
    if compute.aggregation == "cardinality":
        return len({value for sample in found for value in sample.fields.get(name, ())})
    weights: dict[float, float] = defaultdict(float)
    for sample in found:
        if name in sample.measures:
            weights[sample.measures[name]] += sample.weight
    pairs = sorted(weights.items())
    return _of_values(compute.aggregation, pairs) if pairs else None


def _of_values(aggregation: str, pairs: list[tuple[float, float]]) -> float:
    total = sum(weight for _, weight in pairs)
    added = sum(value * weight for value, weight in pairs)
    match aggregation:
        case "sum":
            return added
        case "avg":
            return added / total
        case "min":
            return pairs[0][0]
        case "max":
            return pairs[-1][0]
        case "median":
            return _quantile(pairs, total, 0.5)
    return _quantile(pairs, total, int(aggregation[2:]) / 100)


def _quantile(pairs: list[tuple[float, float]], total: float, share: float) -> float:
    """The value at that share of the weight, each value standing at the middle of its own."""
    done, before = 0.0, (0.0, pairs[0][0])
    for value, weight in pairs:
        place = (done + weight / 2) / total
        if place >= share:
            span = place - before[0]
            part = (share - before[0]) / span if span else 1.0
            return before[1] + part * (value - before[1])
        done, before = done + weight, (place, value)
    return pairs[-1][0]
