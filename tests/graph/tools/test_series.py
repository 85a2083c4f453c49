"""A time series in one row: its statistics, its shape, and when it changed for good."""

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from graph.tools.result import table
from graph.tools.series import SERIES_COLUMNS, SHAPE_WIDTH, Series, described, onset, rounded, shape
from graph.tools.window import iso

START = datetime(2026, 11, 24, 10, tzinfo=UTC).timestamp()
STEP_S = 60
LARGE_STEP = 5000


def series(*values: float | None) -> Series:
    return Series("p95", [(START + STEP_S * n, value) for n, value in enumerate(values)], "ms")


def at(position: int) -> str:
    return iso(datetime.fromtimestamp(START + STEP_S * position, UTC))


def row(*values: float | None, before: Series | None = None) -> dict[str, Any]:
    return described(series(*values), before)


def noise(level: float, count: int, seed: int) -> list[float]:
    chance = random.Random(seed)
    return [chance.gauss(level, level / 10) for _ in range(count)]


def test_a_series_is_one_row_of_its_statistics() -> None:
    assert row(10, None, 30, 20.123456, before=series(5, 5)) == {
        "series": "p95",
        "unit": "ms",
        "points": 3,
        "min": 10,
        "avg": 20.04,
        "max": 30,
        "last": 20.12,
        "before_avg": 5,
        "change": "4.01x",
        "onset": None,
        "shape": "▁█▅",
    }


@pytest.mark.parametrize("values", [[], [None, None], [math.nan, math.inf, -math.inf, 1e300]])
def test_a_series_without_points_has_none_and_nothing_else(values: list[float | None]) -> None:
    assert row(*values) == {"series": "p95", "unit": "ms", "points": 0}
    assert onset(series(*values)) is None


def test_a_change_at_the_edge_of_the_window_is_found_with_the_window_before() -> None:
    points = [(float(START + 60 * n), 10.0 if n < 20 else 90.0) for n in range(40)]
    now, before = Series("x", points[20:]), Series("x", points[:20])
    assert described(now)["onset"] is None
    assert described(now, before)["onset"] == at(20)
    earlier, longer = Series("x", points[:25]), Series("x", points[25:])
    assert described(longer, earlier)["onset"] == at(20)
    assert described(Series("x", points[:10]), before)["onset"] is None


def test_what_is_not_a_number_is_no_point() -> None:
    with_gaps = row(1, math.nan, 1, None, 1, math.inf, 9, -math.inf, 9, 9)
    assert (with_gaps["points"], with_gaps["max"], with_gaps["onset"]) == (6, 9, at(6))


@pytest.mark.parametrize("value", [5, 0, -3, 0.1, 1e99, 1e-320])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 50])
def test_a_constant_is_flat_and_has_no_onset(value: float, count: int) -> None:
    flat = row(*[value] * count)
    assert (flat["points"], flat["onset"]) == (count, None)
    assert flat["shape"] == "▁" * min(count, SHAPE_WIDTH)
    assert flat["min"] == flat["avg"] == flat["max"] == flat["last"] == rounded(value)


@pytest.mark.parametrize(
    ("before", "average", "change"),
    [
        (None, None, None),
        (series(), None, None),
        (series(None), None, None),
        (series(0, 0), 0, None),
        (series(8), 8, "0.50x"),
        (series(-2), -2, None),
        (series(1e-320), 1e-320, ">9999x"),
        (series(0.0001), 0.0001, ">9999x"),
    ],
)
def test_a_comparison_never_divides_by_what_is_not_there(
    before: Series | None, average: float | None, change: str | None
) -> None:
    compared = row(4, 4, before=before)
    assert (compared["before_avg"], compared["change"]) == (average, change)


@pytest.mark.parametrize(("now", "change"), [(-8, "2.00x"), (0, "0.00x"), (8, None)])
def test_a_negative_series_is_compared_with_a_negative_one(now: float, change: str) -> None:
    assert row(now, now, before=series(-4))["change"] == change


@pytest.mark.parametrize(
    ("before", "after"),
    [(120, 1000), (1000, 120), (0, 5), (5, 0), (-5, -50), (-50, -5), (-5, 5), (100, 126)],
)
@pytest.mark.parametrize("position", [2, 3, 20, 37, 38])
def test_the_onset_is_the_first_point_of_the_new_level(
    before: float, after: float, position: int
) -> None:
    values = [before] * position + [after] * (40 - position)
    assert onset(series(*values)) == at(position)


def test_a_step_is_found_at_its_place_under_noise_and_across_gaps() -> None:
    values: list[float | None] = [*noise(100, 700, seed=1), *noise(200, 300, seed=2)]
    values[650:680] = [None] * 30
    assert onset(series(*values)) == at(700)


@pytest.mark.parametrize(
    "values",
    [
        [1],
        [1, 9],
        [1, 9, 9],
        [1, 2, 2, 1],
        [1, 9, 1, 9],
        [10] * 40 + [1000] + [10] * 40,
        [10] * 40 + [100] * 5 + [10] * 40,
        [10] * 80 + [100] * 5 + [10] * 3,
        [10] * 30 + [100] * 30 + [10] * 30,
        [10] * 50 + [100],
        [100] + [10] * 50,
        [100] * 20 + [119] * 20,
        [1e9] * 20 + [1e9 + 1] * 20,
        [0.1 + 0.2, 0.3] * 20,
        [0, 1e-170] * 20,
        list(range(100)),
        list(range(100, 0, -1)),
        [-value for value in range(5)],
        noise(100, 200, seed=3),
        [100 + 50 * math.sin(n / 8) for n in range(200)],
    ],
    ids=str,
)
def test_what_did_not_go_to_another_level_and_stay_has_no_onset(values: Sequence[float]) -> None:
    assert onset(series(*values)) is None


def test_no_short_series_is_too_odd_to_be_described() -> None:
    chance = random.Random(5)
    odd = [0, 0, 1, 1, 2, -1, 1e-200, 1e99, -1e99, math.nan, math.inf, None]
    for _ in range(2000):
        described(series(*chance.choices(odd, k=chance.randrange(9))), series(chance.choice(odd)))


def test_a_long_series_is_looked_through_a_fixed_number_of_times() -> None:
    class Counted(list[tuple[float, float | None]]):
        passes = 0

        def __iter__(self) -> Any:
            Counted.passes += 1
            return super().__iter__()

    points = Counted(series(*[10] * LARGE_STEP, *[90] * LARGE_STEP).points)
    assert described(Series("long", points))["onset"] == at(LARGE_STEP)
    assert Counted.passes <= 3


@pytest.mark.parametrize("count", [1, 2, 23, 24, 25, 47, 49, 1000])
def test_a_shape_rises_from_the_least_to_the_most_and_is_at_most_so_wide(count: int) -> None:
    bars = shape([float(value) for value in range(count)])
    assert len(bars) == min(count, SHAPE_WIDTH)
    assert list(bars) == sorted(bars)
    assert (bars[0], bars[-1]) == ("▁", "█" if count > 1 else "▁")


def test_a_shape_of_nothing_is_empty() -> None:
    assert shape([]) == ""


def test_a_shape_does_not_make_a_mountain_of_a_ripple() -> None:
    assert shape([1000, 1001, 999, 1000]) == "▁▁▁▁"


def test_a_shape_shows_where_a_spike_was() -> None:
    bars = shape([10] * 40 + [100] * 4 + [10] * 40)
    assert bars.index("█") in (11, 12)
    assert (bars[:10], bars[14:]) == ("▁" * 10, "▁" * 10)


@pytest.mark.parametrize(
    ("value", "shown"), [(1234567, 1235000), (0.00123456, 0.001235), (-99.999, -100), (0, 0)]
)
def test_a_number_is_rounded_to_four_digits(value: float, shown: float) -> None:
    assert rounded(value) == shown


def test_rows_of_series_stand_in_a_table() -> None:
    rows = [row(1, 2), row(), described(Series("one\ttwo", [(START, 1.0)]))]
    lines = table(SERIES_COLUMNS, rows).splitlines()
    assert [line.count("\t") for line in lines] == [len(SERIES_COLUMNS) - 1] * 4
