"""The window of a question: what is taken, what is refused, and that it is told to the second."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import TypeAdapter, ValidationError

from graph.tools.window import LONGEST, UNREADABLE, Window, WindowText, iso, ordering

NOW = datetime(2026, 11, 24, 12, 0, 0, 987654, tzinfo=UTC)
ARGUMENT: TypeAdapter[str] = TypeAdapter(WindowText)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("last 2h", "2026-11-24T10:00:00Z/2026-11-24T12:00:00Z"),
        ("LAST 2H", "2026-11-24T10:00:00Z/2026-11-24T12:00:00Z"),
        ("2h", "2026-11-24T10:00:00Z/2026-11-24T12:00:00Z"),
        ("  last  2 h\n", "2026-11-24T10:00:00Z/2026-11-24T12:00:00Z"),
        ("last 90m", "2026-11-24T10:30:00Z/2026-11-24T12:00:00Z"),
        ("last 7d", "2026-11-17T12:00:00Z/2026-11-24T12:00:00Z"),
        ("30d", "2026-10-25T12:00:00Z/2026-11-24T12:00:00Z"),
        ("720h", "2026-10-25T12:00:00Z/2026-11-24T12:00:00Z"),
        ("2026-11-24T10:00:00Z/now", "2026-11-24T10:00:00Z/2026-11-24T12:00:00Z"),
        ("2026-11-24t10:00:00z / NOW", "2026-11-24T10:00:00Z/2026-11-24T12:00:00Z"),
        (
            "2026-11-24T10:00:00+02:00/2026-11-24T10:00:00+01:00",
            "2026-11-24T08:00:00Z/2026-11-24T09:00:00Z",
        ),
        (
            "2024-02-28T23:30:00Z/2024-02-29T23:30:00Z",
            "2024-02-28T23:30:00Z/2024-02-29T23:30:00Z",
        ),
        (
            "2025-12-31T23:59:59Z/2026-01-01T00:00:01Z",
            "2025-12-31T23:59:59Z/2026-01-01T00:00:01Z",
        ),
    ],
)
def test_a_window_is_told_as_two_moments_in_utc(text: str, shown: str) -> None:
    assert str(Window.parse(text, NOW)) == shown


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-11-24T10:00:00/now", "has no zone"),
        ("2026-11-24T10:00:00Z/2026-11-24T11:00:00", "has no zone"),
        ("2026-11-24/now", "has no zone"),
        ("2026-11-24T11:00:00Z/2026-11-24T12:02:00Z", "ends in the future; it is 2026-11-24T12"),
        ("2026-11-24T11:00:00Z/2026-11-24T10:00:00Z", "does not start a second before"),
        ("2026-11-24T11:00:00Z/2026-11-24T13:00:00+02:00", "does not start a second before"),
        ("now/now", "does not start a second before"),
        ("0m", "does not start a second before"),
        ("2026-11-24T11:00:00.1Z/2026-11-24T11:00:00.9Z", "does not start a second before"),
        ("31d", "longer than 30 days"),
        ("721h", "longer than 30 days"),
        ("99999d", "longer than 30 days"),
        ("2026-10-25T11:59:59Z/now", "longer than 30 days"),
        ("1999-12-31T23:00:00Z/2000-01-01T01:00:00Z", "before the year 2000"),
        ("0001-01-01T00:00:00Z/0001-01-01T00:00:01Z", "before the year 2000"),
        ("0001-01-01T00:00:00+14:00/now", "edge of the calendar"),
        ("2026-11-24T10:00:00Z/9999-12-31T23:59:59-14:00", "edge of the calendar"),
    ],
)
def test_a_window_that_cannot_be_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Window.parse(text, NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "yesterday",
        "last 2 hours",
        "last2h",
        "last 1w",
        "last 1.5h",
        "last -1h",
        "123456h",
        "last 2h/now",
        "2026-11-24T10:00:00Z/",
        "2026-11-24T10:00:00Z/now/now",
        "2026-02-29T00:00:00Z/now",
        "2026-11-24T23:59:60Z/now",
        "2026-11-24T25:00:00Z/now",
        "1790000000/now",
        "\x00/\x1b",
    ],
)
def test_what_is_no_window_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(ValueError, match=r"give 'last 2h' .* START/END .* zone"):
        Window.parse(text, NOW)


def test_a_clock_that_is_a_little_ahead_is_no_future() -> None:
    window = Window.parse("2026-11-24T11:00:00Z/2026-11-24T12:00:59Z", NOW)
    assert window.seconds == 3659


@pytest.mark.parametrize(
    "text", ["last 90m", "2026-11-24T10:00:00.123456789Z/now", "2026-11-01T00:00:00.5+05:30/now"]
)
def test_a_window_that_is_told_can_be_asked_for_again(text: str) -> None:
    window = Window.parse(text, NOW)
    assert Window.parse(str(window), NOW) == window


def test_the_window_before_is_as_long_and_ends_where_this_one_starts() -> None:
    window = Window.parse("2026-03-29T00:00:00Z/2026-03-30T06:00:00Z", NOW)
    assert str(window.before()) == "2026-03-27T18:00:00Z/2026-03-29T00:00:00Z"
    assert window.before().seconds == window.seconds == 30 * 3600


def test_a_moment_is_told_in_utc_to_the_second() -> None:
    moment = datetime(2026, 1, 1, 0, 30, 0, 999999, tzinfo=timezone(timedelta(hours=2)))
    assert iso(moment) == "2025-12-31T22:30:00Z"


def test_without_a_given_time_now_is_now() -> None:
    before = datetime.now(UTC)
    end = Window.parse("last 1m").end
    assert before - timedelta(seconds=1) < end <= datetime.now(UTC)


def test_an_argument_is_resolved_so_that_it_stays_valid_while_time_goes_by() -> None:
    start = iso(datetime.now(UTC) - LONGEST + timedelta(seconds=5))
    resolved = ARGUMENT.validate_python(f"{start}/now")
    a_minute_later = datetime.now(UTC) + timedelta(minutes=1)
    with pytest.raises(ValueError, match="longer"):
        Window.parse(f"{start}/now", a_minute_later)
    assert str(Window.parse(resolved, a_minute_later)) == resolved


@pytest.mark.parametrize("text", ["soon", "0001-01-01T00:00:00+14:00/now", "last 2h" + " " * 99])
def test_an_argument_that_is_no_window_is_refused_as_an_argument(text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ARGUMENT.validate_python(text)
    assert len(refused.value.errors()[0]["msg"]) < 300


def test_moments_of_sources_are_ordered_whatever_their_form() -> None:
    ascending = [
        "not a time",
        "0001-01-01T00:00:01Z",
        "2026-11-24T11:59:59+02:00",
        "2026-11-24 10:00:00",
        "2026-11-24T10:00:00.5Z",
        "2026-11-24t10:00:01z",
        "9999-12-31T23:59:59-14:00",
    ]
    descending = ascending[::-1]
    assert sorted(descending, key=ordering) == ascending
    assert ordering("") is UNREADABLE
