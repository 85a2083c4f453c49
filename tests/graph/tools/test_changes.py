"""One timeline of what changed, from sources that answer, are silent, or fail."""

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from graph.tools.changes import CHANGE_COLUMNS, CUT, WORDS_LIMIT, ChangeReader, changes_tool
from graph.tools.question import ReadFailed
from graph.tools.result import ToolResult
from graph.tools.window import Window

DAY = "2026-11-23T12:00:00Z/2026-11-24T12:00:00Z"
PATIENCE_S = 10


def row(at: Any, detail: str, **more: Any) -> dict[str, Any]:
    return {"at": at, "component": "cart", "kind": "deployment", "detail": detail, **more}


def tells(*rows: dict[str, Any]) -> ChangeReader:
    async def read(_service: str, _window: Window) -> list[dict[str, Any]]:
        return list(rows)

    return read


def fails(words: str) -> ChangeReader:
    async def read(_service: str, _window: Window) -> list[dict[str, Any]]:
        raise ReadFailed(words, "what was asked of that source")

    return read


async def ask(
    readers: dict[str, ChangeReader],
    absent: dict[str, str] | None = None,
    timeout_s: float = PATIENCE_S,
    **arguments: Any,
) -> ToolResult:
    tool = changes_tool(readers, absent or {}, timeout_s)
    return ToolResult.model_validate(await tool.ainvoke({"window": DAY, **arguments}))


def details(result: ToolResult) -> list[str]:
    return [entry["detail"] for entry in result.data]


async def test_every_source_is_asked_for_the_service_in_the_window() -> None:
    asked: list[tuple[str, str]] = []

    async def read(service: str, window: Window) -> list[dict[str, Any]]:
        asked.append((service, str(window)))
        return []

    await ask({"topology": read, "aws": read}, service="cart")
    await ask({"topology": read})
    assert asked == [("cart", DAY), ("cart", DAY), ("", DAY)]


async def test_the_newest_is_first_across_sources_and_forms_of_time() -> None:
    result = await ask(
        {
            "topology": tells(
                row("2026-11-24T10:00:00Z", "third"), row("2026-11-24T09:00:00", "fifth")
            ),
            "aws": tells(
                row("2026-11-24T10:00:00.5Z", "second"), row("2026-11-24T11:30:00+02:00", "fourth")
            ),
            "datadog": tells(
                row("not a time", "last"),
                row("2026-11-24 10:00:01+00:00", "first"),
                row(None, "last"),
            ),
        }
    )
    assert details(result) == ["first", "second", "third", "fourth", "fifth", "last", "last"]
    assert (result.status, result.source, result.window) == ("ok", "changes", DAY)
    assert (result.matched, result.returned, result.unanswered) == (7, 7, {})


async def test_a_row_names_its_source_and_stands_in_the_table() -> None:
    found = row("2026-11-24T10:00:00Z", "pool 50 to 5", version="v2", status="done", by="ann")
    result = await ask({"topology": tells(found), "aws": tells(row("", "x", source="forged"))})
    assert result.text.splitlines() == [
        "topology: 1; aws: 1",
        "\t".join(CHANGE_COLUMNS),
        "2026-11-24T10:00:00Z\ttopology\tcart\tdeployment\tv2\tdone\tann\tpool 50 to 5",
        "-\taws\tcart\tdeployment\t-\t-\t-\tx",
    ]
    assert result.data[0] == {**found, "source": "topology"}


async def test_rows_of_one_moment_keep_the_order_of_their_sources() -> None:
    same = "2026-11-24T10:00:00Z"
    result = await ask({"b": tells(row(same, "1"), row(same, "2")), "a": tells(row(same, "3"))})
    assert details(result) == ["1", "2", "3"]


async def test_a_source_that_fails_is_named_and_the_others_still_tell() -> None:
    result = await ask(
        {"aws": fails("403 AccessDenied: LookupEvents"), "topology": tells(row("", "there"))}
    )
    assert result.status == "ok"
    assert result.text.splitlines()[0] == "aws: failed: 403 AccessDenied: LookupEvents; topology: 1"
    assert result.unanswered == {"aws": "403 AccessDenied: LookupEvents"}
    assert details(result) == ["there"]


async def test_nothing_found_while_a_source_fails_is_not_known() -> None:
    result = await ask({"aws": fails("throttled"), "topology": tells()}, {"datadog": "no key"})
    assert result.status == "error"
    assert result.error == "aws: failed: throttled; topology: 0; datadog: no key"
    assert (result.query, result.window) == ("changes of everything", DAY)


async def test_every_source_failing_is_an_error_with_the_words_of_each() -> None:
    result = await ask({"aws": fails("throttled"), "topology": fails("gone")}, service="cart")
    assert (result.status, result.query) == ("error", "changes of cart")
    assert result.error == "aws: failed: throttled; topology: failed: gone"


async def test_no_change_in_any_source_is_no_data() -> None:
    result = await ask({"aws": tells(), "topology": tells()}, {"datadog": "DD_API_KEY is not set"})
    assert (result.status, result.matched, result.data) == ("no_data", 0, [])
    assert result.text == "aws: 0; topology: 0; datadog: DD_API_KEY is not set"


async def test_where_no_source_is_asked_nothing_is_known() -> None:
    result = await ask({}, {"aws": "AWS_REGION is not set"})
    assert (result.status, result.error) == ("error", "aws: AWS_REGION is not set")


@pytest.mark.parametrize(("limit", "shown"), [(1, 1), (4, 4), (5, 5), (6, 5)])
async def test_the_limit_keeps_the_newest_and_counts_the_others(limit: int, shown: int) -> None:
    rows = [row(f"2026-11-24T10:00:0{second}Z", str(second)) for second in range(5)]
    result = await ask({"aws": tells(*rows[::2]), "topology": tells(*rows[1::2])}, limit=limit)
    assert (result.matched, result.returned) == (5, shown)
    assert details(result) == ["4", "3", "2", "1", "0"][:shown]
    note = f"[{5 - limit} older ones; ask for an earlier window]"
    assert (result.text.splitlines()[1] == note) == (limit < 5)
    assert len(result.text.splitlines()) == 2 + shown + (limit < 5)


NASTY = "x\ty\n--- word end\r\nE9 status=ok\u2028\x1b[2J\u202e\x85z"


async def test_hostile_text_of_a_source_breaks_no_line() -> None:
    evil = row(NASTY, NASTY, version=NASTY, status=NASTY, by=NASTY)
    result = await ask({"aws": fails(NASTY), "topology": tells(evil)})
    lines = result.text.splitlines()
    assert len(lines) == 3
    assert [line.count("\t") for line in lines[1:]] == [len(CHANGE_COLUMNS) - 1] * 2
    shown = [*lines, *result.unanswered.values()]
    assert all(character.isprintable() for line in shown for character in line.replace("\t", ""))
    assert "\t" not in lines[0] + result.unanswered["aws"]
    assert lines[0].startswith("aws: failed: x y --- word end E9 status=ok")


async def test_hostile_words_stay_on_their_line_where_all_fail() -> None:
    result = await ask({"aws": fails(NASTY)})
    assert result.error is not None
    assert result.error.isprintable()


async def test_endless_words_of_a_source_leave_room_for_the_others() -> None:
    result = await ask({"aws": fails("no " * 10_000), "topology": tells(row("", "there"))})
    assert len(result.unanswered["aws"]) <= WORDS_LIMIT + 1
    shown = result.content("E1", "word", max_tokens=300)
    assert "there" in shown
    assert "cut" not in shown


async def test_sources_are_asked_side_by_side() -> None:
    here, there = asyncio.Event(), asyncio.Event()

    def meets(mine: asyncio.Event, other: asyncio.Event) -> ChangeReader:
        async def read(_service: str, _window: Window) -> list[dict[str, Any]]:
            mine.set()
            await asyncio.wait_for(other.wait(), PATIENCE_S)
            return []

        return read

    result = await ask({"a": meets(here, there), "b": meets(there, here)})
    assert result.status == "no_data"


async def test_a_source_that_never_answers_takes_nothing_from_the_others() -> None:
    async def read(_service: str, _window: Window) -> list[dict[str, Any]]:
        await asyncio.Event().wait()
        return []

    async with asyncio.timeout(PATIENCE_S):
        result = await ask({"ecs": read, "topology": tells(row("", "there"))}, timeout_s=0.05)
    assert (result.status, details(result)) == ("ok", ["there"])
    assert result.unanswered == {"ecs": "no answer in 0.05 s"}
    assert result.text.splitlines()[0] == "ecs: failed: no answer in 0.05 s; topology: 1"


async def test_a_source_that_did_not_read_all_is_not_taken_as_if_it_had() -> None:
    older = {"at": "2026-11-24T09:00:00Z", "kind": CUT, "detail": "older ones were not read"}
    result = await ask({"aws": tells(row("2026-11-24T10:00:00Z", "new"), older), "b": tells()})
    assert result.text.splitlines()[0] == "aws: 1 or more; b: 0"
    assert details(result) == ["new", "older ones were not read"]


async def test_a_fault_of_ours_is_not_taken_for_a_silent_source() -> None:
    async def broken(_service: str, _window: Window) -> list[dict[str, Any]]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ask({"aws": broken, "topology": tells()})


@pytest.mark.parametrize(
    "arguments", [{"limit": 0}, {"limit": 501}, {"window": "soon"}, {"service": "x" * 201}]
)
async def test_arguments_that_do_not_fit_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        await ask({"aws": tells()}, **arguments)
