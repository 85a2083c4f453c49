"""The questions to monitors, metrics, spans, incidents and SLOs, asked of the Datadog double."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from graph.tools.datadog.client import Datadog
from graph.tools.datadog.events import events
from graph.tools.window import Window
from lab.datadog import DatadogDouble
from tests.graph.tools.datadog.conftest import QUESTIONS, SERVICE, SIGNALS, ask, story


def minutes_ago(text: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds() / 60


@pytest.mark.parametrize(("tool", "arguments"), QUESTIONS)
async def test_what_is_there_is_answered_with_its_query_and_counts(
    dd: Datadog, tool: str, arguments: dict[str, Any]
) -> None:
    result = await ask(dd, tool, **arguments)
    assert (result.status, result.source, result.error) == ("ok", "datadog", None)
    assert next(iter(arguments.values())) in result.query
    assert result.matched >= result.returned >= 1
    assert "unknown kind" not in result.text
    assert json.loads(json.dumps(result.data)) == result.data


@pytest.mark.parametrize(
    ("tool", "arguments", "near"),
    [
        ("search_monitors", {"service": "inventory-service"}, "of other status: OK 1"),
        ("search_monitors", {"query": "zeppelin"}, "no monitor of any status matches"),
        ("find_metrics", {"query": "hikari.pendig"}, "names like it: hikari.pending"),
        ("find_metrics", {"query": "zeppelin"}, "no name is like it"),
        (
            "find_metrics",
            {"metric": "hikari.max"},
            "no metric is named 'hikari.max'; names like it: hikari.pending",
        ),
        (
            "query_metrics",
            {"query": "avg:hikari.max{*}"},
            "no metric is named 'hikari.max'; names like it: hikari.pending",
        ),
        (
            "query_metrics",
            {"query": "avg:hikari.pending{service:zeppelin}"},
            "no points in the window; hikari.pending has the tags env, service, team",
        ),
        ("search_logs", {"query": "zeppelin"}, f"services with logs in that window: {SERVICE} "),
        ("search_spans", {"query": "service:zeppelin"}, "services with spans in that window: "),
        ("search_incidents", {"query": "state:stable"}, "there are: active 1, resolved 1"),
        ("get_slo_status", {"service": "zeppelin"}, f"services with SLOs: {SERVICE}"),
    ],
)
async def test_what_is_not_there_is_no_data_and_says_what_is(
    dd: Datadog, tool: str, arguments: dict[str, Any], near: str
) -> None:
    result = await ask(dd, tool, **arguments)
    assert (result.status, result.matched, result.returned) == ("no_data", 0, 0)
    assert near in result.text


async def test_monitors_come_by_gravity_with_counts_and_when_they_triggered(dd: Datadog) -> None:
    result = await ask(dd, "search_monitors")
    counts, names, *lines = result.text.splitlines()
    assert counts == "by status: Alert 1, Warn 1, No Data 1"
    assert names == "id\tstatus\tname\tservice\tlast_triggered\tquery"
    assert [line.split("\t")[1:4] for line in lines] == [
        ["Alert", "Cart is slow", SERVICE],
        ["Warn", "Gateway errors", "api-gateway"],
        ["No Data", "Report", "report-worker"],
    ]
    assert 25 < minutes_ago(result.data[0]["last_triggered"]) < 28


async def test_monitors_are_paged_by_the_cursor(dd: Datadog) -> None:
    every = ["Alert", "Warn", "No Data", "OK"]
    names, cursor = [], ""
    for _ in range(3):
        part = await ask(dd, "search_monitors", status=every, limit=2, cursor=cursor)
        names += [row["name"] for row in part.data]
        assert part.matched == 4
        if part.cursor is None:
            break
        cursor = part.cursor
    assert sorted(names) == sorted(entry["name"] for entry in SIGNALS["monitor"])


async def test_metrics_are_found_by_name_and_tags(dd: Datadog) -> None:
    found = await ask(dd, "find_metrics", query="HITS", tags=f"service:{SERVICE}")
    assert found.data == ["trace.http.request.hits"]
    assert (await ask(dd, "find_metrics", query="system", tags=f"service:{SERVICE}")).data == []


async def test_the_tags_of_a_metric_are_shown(dd: Datadog) -> None:
    result = await ask(dd, "find_metrics", metric="hikari.pending")
    assert f"service\t1\t{SERVICE}" in result.text.splitlines()


async def test_a_metric_is_shown_with_the_window_before_and_when_it_changed(
    dd: Datadog, double: DatadogDouble
) -> None:
    result = await ask(dd, "query_metrics", query="avg:hikari.pending{service:cart-service}")
    [row] = result.data["series"]
    assert (row["unit"], row["before_avg"]) == ("connection", pytest.approx(2, rel=0.05))
    assert row["max"] == pytest.approx(40, rel=0.05)
    assert 28 < minutes_ago(row["onset"]) < 31
    assert row["points"] <= 120
    asked = [seen.body["data"]["attributes"] for seen in double.requests]
    spans = sorted((each["from"], each["to"], each["interval"]) for each in asked)
    hour_ms = 3_600_000
    assert [end - start for start, end, _ in spans] == [hour_ms, hour_ms]
    assert spans[0][1] == spans[1][0]
    start = Window.parse(result.window or "").start
    assert spans[1][0] == round(start.timestamp() * 1000)


async def test_the_series_that_changed_most_come_first(dd: Datadog) -> None:
    query = "p99:trace.http.request{*} by {service}"
    result = await ask(dd, "query_metrics", query=query, max_series=2)
    assert [row["series"] for row in result.data["series"]] == [
        "service:pricing-service",
        f"service:{SERVICE}",
    ]
    assert f"[{result.matched - 2} further series" in result.text


async def test_without_comparison_the_window_before_is_not_asked_for(
    dd: Datadog, double: DatadogDouble
) -> None:
    query = "avg:hikari.pending{*}"
    result = await ask(dd, "query_metrics", query=query, compare=False, window="last 10m")
    assert (len(double.requests), result.data["series"][0]["before"]) == (1, [])


async def test_a_metric_that_stopped_is_said(dd: Datadog, double: DatadogDouble) -> None:
    double.story = replace(double.story, now=double.story.now - timedelta(minutes=70))
    result = await ask(dd, "query_metrics", query="avg:hikari.pending{*}")
    assert result.status == "no_data"
    assert "in the window before: did it stop being reported?" in result.text


async def test_spans_are_summed_up_per_group_in_milliseconds_failing_first(dd: Datadog) -> None:
    result = await ask(dd, "search_spans", query=f"service:{SERVICE}", window="last 20m")
    first, second = result.data
    assert (first["resource_name"], second["resource_name"]) == ("pricing-service", "session-cache")
    assert first["errors_percent"] > 1 > second["errors_percent"]
    assert first["p50_ms"] < first["p95_ms"] < first["p99_ms"]
    assert first["p99_ms"] == pytest.approx(2350, rel=0.2)
    assert result.text.splitlines()[0].startswith("resource_name\tcount\terrors_percent\tp50_ms")


async def test_further_groups_of_spans_are_counted(dd: Datadog) -> None:
    result = await ask(dd, "search_spans", query="*", group_by="service", limit=1)
    assert (result.returned, len(result.data)) == (1, 1)
    assert f"[{result.matched - 1} further groups" in result.text


async def test_incidents_come_newest_first_and_are_paged(dd: Datadog) -> None:
    first = await ask(dd, "search_incidents", query="*", limit=1)
    assert (first.matched, first.cursor) == (2, "1")
    second = await ask(dd, "search_incidents", query="*", limit=1, cursor="1")
    titles = [row["title"] for row in [*first.data, *second.data]]
    assert (titles, second.cursor) == (["Checkout fails", "Old one"], None)
    row = first.data[0]
    assert (row["severity"], row["services"]) == ("SEV-2", ["checkout-service"])
    assert 14 < minutes_ago(row["created"]) < 17


async def test_an_slo_says_what_is_left_of_its_budget(dd: Datadog) -> None:
    result = await ask(dd, "get_slo_status", service=SERVICE)
    [row] = result.data
    assert (row["target_percent"], row["reached_percent"], row["state"]) == (99.5, 99.1, "breached")
    assert row["budget_left_percent"] == pytest.approx(-80)
    assert Window.parse(result.window or "").seconds == 7 * 86_400


async def test_events_are_changes_and_not_alerts(dd: Datadog) -> None:
    rows = await events(dd, "", Window.parse("last 2h"))
    kinds = [row["kind"] for row in rows]
    assert set(kinds) == {"deployment", "launchdarkly"}
    assert [row["at"] for row in rows] == sorted((row["at"] for row in rows), reverse=True)
    [flag] = await events(dd, "search-service", Window.parse("last 2h"))
    assert (flag["component"], flag["detail"]) == (
        "search-service",
        "Flag flipped: new ranking for all",
    )
    assert 49 < minutes_ago(flag["at"]) < 52


@pytest.mark.parametrize(
    ("site", "host"),
    [("datadoghq.eu", "app.datadoghq.eu"), ("us3.datadoghq.com", "us3.datadoghq.com")],
)
async def test_a_link_leads_to_the_same_search_and_time(dd: Datadog, site: str, host: str) -> None:
    shown = await ask(replace(dd, site=site), "search_logs", query="a b", mode="count")
    start = round(Window.parse(shown.window or "").start.timestamp() * 1000)
    assert (shown.url or "").startswith(f"https://{host}/logs?query=a+b&from_ts={start}&to_ts=")
    assert (await ask(dd, "search_logs", query="a b", mode="count")).url is None


async def test_thousands_of_monitors_stay_within_a_page(dd: Datadog, double: DatadogDouble) -> None:
    monitors = [
        {"name": f"Monitor {number} {'x' * 150}", "service": SERVICE, "query": "q" * 900,
         "status": "Alert"}
        for number in range(5000)
    ]  # fmt: skip
    double.story = story(monitor=monitors)
    result = await ask(dd, "search_monitors", limit=100)
    assert (result.matched, result.returned, result.cursor) == (5000, 100, "1")
    content = result.content("E1", "boundary", 2500)
    assert len(content) <= 4 * 2500
    assert "by status: Alert 5000" in content
    assert "more lines cut" in content
