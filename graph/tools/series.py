"""What a time series says in one row: statistics, shape, and where it changed for good."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import correlation, fmean, pstdev
from typing import Any

from graph.tools.window import iso

SERIES_COLUMNS = (
    "series",
    "unit",
    "points",
    "min",
    "avg",
    "max",
    "last",
    "before_avg",
    "change",
    "onset",
    "shape",
)
SHAPE_WIDTH = 24
_BARS = "▁▂▃▄▅▆▇█"
_SHORTEST_SIDE = 2
_LEAST_GAIN = 0.6
"""Part of the spread that a split in two levels must explain to be called a change."""
_LEAST_STEP = 0.2
"""And how far apart the levels must be, as a part of the higher one."""
_LARGEST = 1e100
"""Beyond it sums of squares overflow; with infinities and NaN it is taken for no point."""
_LARGEST_CHANGE = 9999


@dataclass(frozen=True)
class Series:
    """One named series: seconds since the epoch and a value, None where there was no point."""

    name: str
    points: Sequence[tuple[float, float | None]]
    unit: str = ""

    @property
    def values(self) -> list[float]:
        """The values that are there; NaN and what no gauge can show are not."""
        return [value for _, value in _there(self)]


def described(series: Series, before: Series | None = None) -> dict[str, Any]:
    """The SERIES_COLUMNS of a series; `before` is the same one in the window before.

    A change at the edge between the two, or before it, is an onset too.
    """
    values = series.values
    if not values:
        return {"series": series.name, "unit": series.unit, "points": 0}
    average = fmean(values)
    earlier = fmean(before.values) if before and before.values else None
    return {
        "series": series.name,
        "unit": series.unit,
        "points": len(values),
        "min": rounded(min(values)),
        "avg": rounded(average),
        "max": rounded(max(values)),
        "last": rounded(values[-1]),
        "before_avg": None if earlier is None else rounded(earlier),
        "change": _times(average, earlier) if earlier else None,
        "onset": onset(series) or (onset(_joined(before, series)) if before else None),
        "shape": shape(values),
    }


def onset(series: Series) -> str | None:
    """When the series went to another level and stayed there, ISO 8601; None when it did not.

    The split in two levels that leaves the least squared error, if it explains most of the
    spread, and more of it than a straight line does, and if the series ends on the later level.
    One pass over running sums, so that thousands of points cost no time.
    """
    there = _there(series)
    values = [value for _, value in there]
    variance = pstdev(values) ** 2 if len(values) >= 2 * _SHORTEST_SIDE else 0.0
    if variance < _LARGEST**-2:
        return None
    count, total = len(values), sum(values)
    left, best, place = sum(values[: _SHORTEST_SIDE - 1]), 0.0, 0
    for position in range(_SHORTEST_SIDE, count - _SHORTEST_SIDE + 1):
        left += values[position - 1]
        step = left / position - (total - left) / (count - position)
        explained = position * (count - position) / count * step * step
        if explained > best:
            best, place = explained, position
    gain = best / count / variance
    if gain < _LEAST_GAIN or gain < correlation(range(count), values) ** 2:
        return None
    earlier, later = fmean(values[:place]), fmean(values[place:])
    end = fmean(values[-max(_SHORTEST_SIDE, (count - place) // 4) :])
    returned = abs(end - earlier) < abs(end - later)
    if returned or abs(later - earlier) < _LEAST_STEP * max(abs(earlier), abs(later)):
        return None
    return iso(datetime.fromtimestamp(there[place][0], UTC))


def shape(values: Sequence[float]) -> str:
    """The values as a row of bars, from the least to the most, at most SHAPE_WIDTH wide."""
    if not values:
        return ""
    width = min(SHAPE_WIDTH, len(values))
    cells = [
        fmean(values[len(values) * cell // width : len(values) * (cell + 1) // width])
        for cell in range(width)
    ]
    low, span = min(cells), max(cells) - min(cells)
    if span <= 0.02 * max(abs(cell) for cell in cells):
        return _BARS[0] * width
    return "".join(_BARS[round((cell - low) / span * (len(_BARS) - 1))] for cell in cells)


def _joined(before: Series, series: Series) -> Series:
    start = series.points[0][0]
    return Series(series.name, [*(one for one in before.points if one[0] < start), *series.points])


def _there(series: Series) -> list[tuple[float, float]]:
    # No comparison with NaN is true.
    return [(at, v) for at, v in series.points if v is not None and abs(v) < _LARGEST]


def _times(average: float, earlier: float) -> str | None:
    """How many times the earlier average; None between values of different signs."""
    if average * earlier < 0:
        return None
    ratio = abs(average / earlier)
    return f"{ratio:.2f}x" if ratio <= _LARGEST_CHANGE else f">{_LARGEST_CHANGE}x"


def rounded(value: float) -> float:
    """The value to four significant digits: more is noise to a reader."""
    return float(f"{value:.4g}")
