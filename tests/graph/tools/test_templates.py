"""Log lines as templates: what becomes one, what stays apart, and that nothing grows for ever."""

from typing import Any

import pytest

from graph.tools.result import table
from graph.tools.templates import (
    GROUP_LIMIT,
    LINE_LIMIT,
    TEMPLATE_COLUMNS,
    TEMPLATE_LIMIT,
    WORD_LIMIT,
    Templates,
)

TEN = "2026-11-24T10:00:00Z"
MANY = 100_000
REST = "<further templates>"


def gathered(*lines: str) -> list[tuple[int, str]]:
    gathering = Templates()
    for line in lines:
        gathering.add(line, at=TEN)
    return [(row["count"], row["template"]) for row in gathering.rows()]


def word(number: int) -> str:
    """A word of letters alone, another for each number."""
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


def lines_apart(count: int) -> list[str]:
    """Lines that begin with other words, so that none is compared with another."""
    return [f"{word(number)} went wrong" for number in range(count)]


@pytest.mark.parametrize(
    ("one", "other", "template"),
    [
        ("id=550e8400-e29b-41d4-a716-446655440000 done",
         "id=550E8400-E29B-41D4-A716-44665544FFFF done", "id=<*> done"),
        ("at 0xdeadbeef bad", "at 0x1 bad", "at <*> bad"),
        ("commit 1234567890abcdef out", "commit deadbee1 out", "commit <*> out"),
        ("from 10.0.0.1:8080 lost", "from 192.168.17.255 lost", "from <*> lost"),
        ("2026-11-24T10:00:00.123Z up", "2026-11-24 10:00:01,5 up", "<*> up"),
        ("2026-11-24T10:00:00+02:00 up", "2026-11-24T10:00:00Z up", "<*> up"),
        ("took 1532ms", "took 3ms", "took <*>ms"),
        ("took 1.5s at -3", "took 12s at +4", "took <*>s at <*>"),
        ("GET /orders/12345 200", "GET /orders/9 500", "GET /orders/<*> <*>"),
        ("pool HikariPool-1 full", "pool HikariPool-27 full", "pool HikariPool-<*> full"),
        ("order12345 lost", "order999 lost", "order<*> lost"),
        ("10-11 of 1.2.3", "7-128 of 4.5", "<*>-<*> of <*>"),
        ('{"level":"error","id":12}', '{"level":"error","id":7}', '{"level":"error","id":<*>}'),
        ('{"id": 12, "to": "ann"}', '{"id": 7, "to": "bob"}', '{"id": <*>, "to": <*>'),
        ("价格服务失败12次", "价格服务失败7次", "价格服务失败<*>次"),
        ("\x1b[1;31mERROR\x1b[0m at 1", "ERROR at 2", "ERROR at <*>"),
        ("a\tb\u200b 1", "a b 2", "a b <*>"),
        ("user ann logged in", "user bob logged in", "user <*> logged in"),
    ],
)  # fmt: skip
def test_what_differs_from_line_to_line_becomes_a_hole(one: str, other: str, template: str) -> None:
    assert gathered(one, other) == [(2, template)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("connection refused", "connection reset"),
        ("disk full now", "cache cold today"),
        ("2026-11-24T10:00:00Z 12 34 started", "2026-11-24T10:00:01Z 56 78 crashed"),
        ("[1] [2] [3] started", "[4] [5] [6] crashed"),
        ("1 alpha beta", "2 3 4"),
        ("starting v2.4.1", "starting v2.4.0"),
        ("p99 high", "p95 high"),
        ("took 3ms", "took 3s"),
    ],
)
def test_different_messages_of_as_many_words_stay_apart(one: str, other: str) -> None:
    assert [count for count, _ in gathered(one, other)] == [1, 1]


def test_a_template_does_not_dissolve_while_more_lines_come() -> None:
    lines = [f"cannot reach {word(n)} or {word(n + 7)} today" for n in range(50)]
    lines += [f"will {word(n)} reach {word(n)} or else" for n in range(50)]
    assert gathered(*lines, *lines) == [
        (100, "cannot reach <*> or <*> today"),
        (100, "will <*> reach <*> or else"),
    ]


def test_lines_without_a_word_are_one_template() -> None:
    assert gathered("", " ", "\t", "\x00\n") == [(4, "")]
    assert gathered("1 2 3", "4 5 6") == [(2, "<*> <*> <*>")]


def test_level_and_source_keep_templates_apart_and_the_most_frequent_is_first() -> None:
    gathering = Templates()
    gathering.add("down", at=TEN, level="warn", source="a")
    gathering.add("down", at=TEN, level="error", source="a", count=7)
    gathering.add("down", at=TEN, level="error", source="b", count=2)
    gathering.add("down", at=TEN, level="error", source="b")
    shown = [(row["count"], row["level"], row["source"]) for row in gathering.rows()]
    assert shown == [(7, "error", "a"), (3, "error", "b"), (1, "warn", "a")]


def test_the_rows_do_not_depend_on_the_order_of_equally_frequent_lines() -> None:
    assert gathered("b x", "a x", "c x") == gathered("c x", "b x", "a x")


@pytest.mark.parametrize("backwards", [False, True])
def test_first_and_last_are_moments_and_no_texts(backwards: bool) -> None:
    ascending = [
        "2026-11-24T11:59:59+02:00",
        "2026-11-24T10:00:00Z",
        "2026-11-24T10:00:00.5Z",
        "2026-11-24 10:00:01",
        "",
        "yesterday",
    ]
    gathering = Templates()
    for at in reversed(ascending) if backwards else ascending:
        gathering.add("down", at=at)
    [row] = gathering.rows()
    assert (row["first"], row["last"]) == (ascending[0], ascending[3])


def test_a_sample_is_the_first_line_as_it_was() -> None:
    gathering = Templates()
    for line in ("order 12 of ann", "order 13 of ann"):
        gathering.add(line, at=TEN)
    assert [row["sample"] for row in gathering.rows()] == ["order 12 of ann"]


@pytest.mark.parametrize(
    "nasty",
    ["a\tb\nE9 status=ok", "a\x1b[2Jb\x9bb", "a\u2028b\x85c\r\nd", "\x1b[31m\t\x1b[0m"],
    ids=ascii,
)
def test_no_line_can_break_the_table(nasty: str) -> None:
    gathering = Templates()
    gathering.add(nasty, at=nasty, level=nasty, source=nasty)
    lines = table(TEMPLATE_COLUMNS, gathering.rows()).splitlines()
    assert [line.count("\t") for line in lines] == [len(TEMPLATE_COLUMNS) - 1] * 2
    assert gathering.rows()[0]["sample"].replace(" ", "").isprintable()


@pytest.mark.parametrize("long", ["x" * 10**6, "x " * 10**6, "0123-" * 10**5, "\x1b[1m" * 10**5])
def test_of_a_long_line_a_part_is_held(long: str) -> None:
    gathering = Templates()
    gathering.add(long, at=TEN)
    [row] = gathering.rows()
    assert len(row["sample"]) <= LINE_LIMIT
    assert len(row["template"]) <= 2 * LINE_LIMIT


def test_words_after_the_limit_are_one() -> None:
    same = " ".join(["same"] * WORD_LIMIT)
    assert gathered(f"{same} a b", f"{same} c d e f") == [(2, f"{same} <*>")]


def test_lines_beyond_the_limit_are_counted_as_one_and_lost_is_none() -> None:
    gathering = Templates()
    for line in lines_apart(TEMPLATE_LIMIT + 40):
        gathering.add(line, at=TEN, level="error")
    gathering.add(lines_apart(1)[0], at=TEN, level="error")
    rows: list[dict[str, Any]] = gathering.rows()
    assert len(rows) == TEMPLATE_LIMIT + 1
    assert (rows[0]["count"], rows[0]["template"]) == (40, REST)
    assert (rows[1]["count"], rows[1]["template"]) == (2, lines_apart(1)[0])
    assert sum(row["count"] for row in rows) == TEMPLATE_LIMIT + 41


def test_sources_without_end_do_not_make_rows_without_end() -> None:
    gathering = Templates()
    for number in range(3 * TEMPLATE_LIMIT):
        gathering.add("down", at=TEN, level=f"l{number}", source=f"s{number}")
    assert len(gathering.rows()) == TEMPLATE_LIMIT + 1


def test_many_lines_are_as_many_rows_as_there_are_templates() -> None:
    gathering = Templates()
    for number in range(MANY // 10):
        gathering.add(f"GET /orders/{number} took {number % 977}ms", at=TEN, count=10)
    [row] = gathering.rows()
    assert (row["count"], row["template"]) == (MANY, "GET /orders/<*> took <*>ms")


def test_a_line_is_compared_with_a_limited_number_of_templates() -> None:
    gathering = Templates()
    for number in range(2 * GROUP_LIMIT):
        gathering.add(f"1 {word(number)} went {word(number + 1)}", at=TEN)
    gathering.add(f"1 {word(0)} went {word(1)}", at=TEN)
    counts = [(row["count"], row["template"]) for row in gathering.rows()[:2]]
    assert counts == [(GROUP_LIMIT, REST), (2, f"<*> {word(0)} went {word(1)}")]
    assert len(gathering.rows()) == GROUP_LIMIT + 1
