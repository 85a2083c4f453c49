"""What the Datadog tools say to somebody who asked for the wrong thing: true, and a help."""

from typing import Any

import pytest

from graph.tools.datadog.client import Datadog
from graph.tools.window import Window
from lab.datadog import DatadogDouble
from tests.graph.tools.datadog.conftest import SERVICE, ask, story


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        (
            "search_monitors",
            {"service": "zeppelin"},
            f"services with monitors: api-gateway, {SERVICE}, inventory-service, report-worker",
        ),
        ("search_monitors", {"cursor": "9"}, "the 3 that match are on earlier pages"),
        (
            "find_metrics",
            {"tags": "service:zeppelin"},
            "no metric with the tags 'service:zeppelin' reported in the last 24 hours",
        ),
        ("find_metrics", {"query": "zeppelin"}, "no name is like it; names begin with hikari, "),
        ("search_spans", {"query": "*", "group_by": "@zeppelin"}, "none has '@zeppelin'"),
        ("search_logs", {"query": "level:error"}, "the level of a line is status, not level:"),
        ("search_logs", {"query": f"{SERVICE} Severity:error"}, "is status, not Severity:"),
    ],
)
async def test_no_data_says_what_to_ask_instead(
    dd: Datadog, tool: str, arguments: dict[str, Any], said: str
) -> None:
    result = await ask(dd, tool, **arguments)
    assert (result.status, result.returned) == ("no_data", 0)
    assert said in result.text


async def test_spans_that_match_without_the_facet_are_not_denied(dd: Datadog) -> None:
    result = await ask(dd, "search_spans", query="*", group_by="@zeppelin")
    assert "no span matches" not in result.text
    assert "services with spans in that window: " in result.text


@pytest.mark.parametrize(
    "query",
    [
        "hikari.pending",
        "p42:hikari.pending{*}",
        "sum:trace.http.request.errors{*} / sum:trace.http.request.hits{*}",
    ],
)
async def test_a_metric_query_that_is_none_is_refused_with_the_form_of_one(
    dd: Datadog, query: str
) -> None:
    result = await ask(dd, "query_metrics", query=query)
    assert result.status == "error"
    assert result.error
    assert result.error.startswith("400 Bad Request: ")
    assert result.error.endswith(
        "one query such as avg:NAME{service:x} by {host}, without arithmetic"
    )


async def test_the_question_of_a_count_says_by_what_and_no_cursor(dd: Datadog) -> None:
    asked = {"query": "*", "mode": "count", "group_by": "service, status", "cursor": "abc"}
    result = await ask(dd, "search_logs", **asked)
    assert result.query == "logs '*' mode=count by service,status"


async def test_those_that_alert_are_on_the_first_page(dd: Datadog, double: DatadogDouble) -> None:
    quiet = [
        {"name": f"a{number:02}", "service": SERVICE, "query": "x", "status": "Warn"}
        for number in range(30)
    ]
    loud = {"name": "z", "service": SERVICE, "query": "x", "status": "Alert"}
    double.story = story(monitor=[*quiet, loud])
    result = await ask(dd, "search_monitors", limit=5)
    assert [row["status"] for row in result.data] == ["Alert", *["Warn"] * 4]


@pytest.mark.parametrize(("mode", "limit"), [("raw", 150), ("patterns", 40)])
async def test_a_cursor_leads_through_every_line_once(
    dd: Datadog, double: DatadogDouble, mode: str, limit: int
) -> None:
    lines = [
        {"service": SERVICE, "level": "info", "message": "one {id}", "per_min": 700},
        {"service": SERVICE, "level": "info", "message": "two {id}", "per_min": 33},
    ]
    double.story = story(log=lines)
    window = str(Window.parse("last 10m" if mode == "patterns" else "last 1m"))
    seen, matched = 0, 0
    cursor: str | None = ""
    times: list[str] = []
    while cursor is not None:
        part = await ask(
            dd, "search_logs", query="*", mode=mode, limit=limit, window=window, cursor=cursor
        )
        seen, matched, cursor = seen + part.returned, part.matched, part.cursor
        times += [row["time"] for row in part.data] if mode == "raw" else []
    assert seen == matched > 700
    assert times == sorted(times, reverse=True)
