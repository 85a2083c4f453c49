"""Monitors, events, incidents and objectives of the Datadog double."""

from typing import Any

import pytest

from lab.datadog import DatadogDouble
from lab.signals import Monitor, Signals
from tests.lab.datadog.conftest import NOW, read, send, story_of

MONITORS = "/api/v1/monitor/search"
EVENTS = "/api/v2/events/search"
INCIDENTS = "/api/v2/incidents/search"
OBJECTIVES = "/api/v1/slo/search"


async def names(double: DatadogDouble, query: str, **parameters: Any) -> list[str]:
    answer = await read(double, MONITORS, query=query, **parameters)
    return [monitor["name"] for monitor in answer["monitors"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Cart is slow", "Gateway errors", "Report", "Stock"]),
        ("status:alert", ["Cart is slow"]),
        ("status:(Alert OR Warn)", ["Cart is slow", "Gateway errors"]),
        ('status:"No Data"', ["Report"]),
        ("service:cart-service", ["Cart is slow"]),
        ('tag:"service:cart-service"', ["Cart is slow"]),
        ("team:discovery", ["Report"]),
        ("cart", ["Cart is slow"]),
        ("type:log", ["Gateway errors"]),
        ("-status:OK muted:false", ["Cart is slow", "Gateway errors", "Report"]),
        ("zeppelin", []),
    ],
)
async def test_monitors_are_found_by_their_query(
    double: DatadogDouble, query: str, found: list[str]
) -> None:
    assert await names(double, query) == found


async def test_a_monitor_says_its_state_since_when_and_whose_it_is(double: DatadogDouble) -> None:
    answer = await read(double, MONITORS, query="cart OR stock")
    cart, stock = answer["monitors"]
    assert (cart["status"], cart["type"]) == ("Alert", "query alert")
    assert cart["last_triggered_ts"] == NOW.timestamp() - 26 * 60
    assert cart["tags"] == ["service:cart-service", "env:prod", "team:checkout"]
    assert stock["last_triggered_ts"] is None
    counts = [{"name": "Alert", "count": 1}, {"name": "OK", "count": 1}]
    assert answer["counts"]["status"] == counts


async def test_many_monitors_come_in_pages(double: DatadogDouble) -> None:
    double.story = story_of(
        Signals(
            monitor=tuple(
                Monitor(name=f"m{n:04}", service="tax-service", query="x", status="OK")
                for n in range(1001)
            )
        )
    )
    last = await read(double, MONITORS, page=10, per_page=100)
    assert [monitor["name"] for monitor in last["monitors"]] == ["m1000"]
    counts = {"page": 10, "per_page": 100, "page_count": 11, "total_count": 1001}
    assert last["metadata"] == counts
    assert await names(double, "", sort="name,desc", per_page=1) == ["m1000"]
    ids = {m["id"] for m in (await read(double, MONITORS, per_page=2000))["monitors"]}
    assert len(ids) == 1001


@pytest.mark.parametrize("wrong", [{"page": -1}, {"per_page": "all"}, {"sort": "age"}])
async def test_a_wrong_parameter_is_refused_by_its_name(
    double: DatadogDouble, wrong: dict[str, Any]
) -> None:
    answer = await send(double, "GET", MONITORS, **wrong)
    [name] = wrong
    assert (answer.status_code, f"'{name}'" in answer.text) == (400, True)


async def events(double: DatadogDouble, **body: Any) -> list[str]:
    return [
        entry["attributes"]["attributes"]["title"].partition(" (")[0]
        for entry in (await read(double, EVENTS, body))["data"]
    ]


@pytest.mark.parametrize(
    ("query", "start", "found"),
    [
        ("*", "now-1h", ["recommendation-service v7.0.0", "pricing-service v2.14.0", "Flag"]),
        ("source:deployment service:pricing-service", "now-1d", ["pricing-service v2.14.0"]),
        ("source:deployment", "now-20m", ["recommendation-service v7.0.0"]),
        ("source:launchdarkly", "now-1d", ["Flag"]),
        ("pool", "now-1d", ["pricing-service v2.14.0"]),
        ("service:cart-service", "now-30d", []),
    ],
)
async def test_events_honour_query_and_time_and_come_newest_first(
    double: DatadogDouble, query: str, start: str, found: list[str]
) -> None:
    titles = await events(double, filter={"query": query, "from": start})
    assert [t.removeprefix("Deployed ").removesuffix(" flipped") for t in titles] == found


async def test_a_deployment_says_its_version_and_who_did_it(double: DatadogDouble) -> None:
    body = {"filter": {"query": "version:v2.14.0", "from": "now-1h"}}
    [entry] = (await read(double, EVENTS, body))["data"]
    told = entry["attributes"]
    assert {"source:deployment", "version:v2.14.0", "user:aiko.tanaka"} <= set(told["tags"])
    assert told["timestamp"] == "2026-11-23T11:29:00.000Z"
    assert told["message"] == "HTTP client pool reduced from 50 to 5"


async def test_events_come_in_pages_oldest_first_if_asked(double: DatadogDouble) -> None:
    body = {"filter": {"from": "now-1h"}, "sort": "timestamp", "page": {"limit": 2}}
    first = await read(double, EVENTS, body)
    cursor = first["meta"]["page"]["after"]
    second = await read(double, EVENTS, {**body, "page": {"limit": 2, "cursor": cursor}})
    titles = [e["attributes"]["attributes"]["title"] for e in first["data"] + second["data"]]
    assert [title.split()[1] for title in titles] == [
        "flipped",
        "pricing-service",
        "recommendation-service",
    ]
    assert "page" not in second["meta"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state:active", ["Checkout fails"]),
        ("state:(active OR stable) AND severity:SEV-2", ["Checkout fails"]),
        ("*", ["Checkout fails", "Old one"]),
        ("services:search-service", ["Old one"]),
        ("checkout", ["Checkout fails"]),
        ("state:stable", []),
    ],
)
async def test_incidents_are_found_newest_first(
    double: DatadogDouble, query: str, found: list[str]
) -> None:
    answer = (await read(double, INCIDENTS, query=query))["data"]["attributes"]
    incidents = [entry["data"]["attributes"] for entry in answer["incidents"]]
    assert [entry["title"] for entry in incidents] == found
    assert answer["total"] == len(found)


async def test_incidents_come_in_pages_and_need_a_query(double: DatadogDouble) -> None:
    page = {"query": "*", "page[size]": 1, "page[offset]": 1}
    answer = await read(double, INCIDENTS, **page)
    [entry] = answer["data"]["attributes"]["incidents"]
    assert entry["data"]["attributes"]["title"] == "Old one"
    assert answer["meta"]["pagination"] == {"offset": 1, "next_offset": 2, "size": 1}
    assert (await send(double, "GET", INCIDENTS)).status_code == 400


async def test_an_objective_says_what_is_left_of_its_budget(double: DatadogDouble) -> None:
    answer = await read(double, OBJECTIVES, query="service:cart-service")
    [entry] = answer["data"]["attributes"]["slos"]
    status = entry["data"]["attributes"]["status"]
    assert (status["sli"], status["state"]) == (99.1, "breached")
    assert status["error_budget_remaining"] == pytest.approx(-80)
    path = f"/api/v1/slo/{entry['data']['id']}/history"
    told = await read(double, path, from_ts=1, to_ts=2)
    assert told["data"]["overall"]["sli_value"] == 99.1
    assert told["data"]["thresholds"]["7d"]["target"] == 99.5


async def test_objectives_come_in_pages_and_an_unknown_one_is_not_found(
    double: DatadogDouble,
) -> None:
    answer = await read(double, OBJECTIVES, **{"page[size]": 1, "page[number]": 1})
    [entry] = answer["data"]["attributes"]["slos"]
    assert entry["data"]["attributes"]["name"] == "Search availability"
    assert answer["meta"]["pagination"]["total"] == 2
    unknown = await send(double, "GET", "/api/v1/slo/none/history", from_ts=1, to_ts=2)
    assert (unknown.status_code, unknown.json()) == (404, {"errors": ["SLO none not found"]})
