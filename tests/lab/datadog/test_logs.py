"""Logs of the Datadog double: the search language, time, order, cursors, groups."""

import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from lab.datadog import DatadogDouble
from lab.signals import Log
from tests.lab.datadog.conftest import NOW, read, send, with_logs

SEARCH = "/api/v2/logs/events/search"
AGGREGATE = "/api/v2/logs/analytics/aggregate"
KINDS = with_logs(
    Log(service="cart-service", level="error", message="call timed out after {ms} ms", per_min=1),
    Log(service="cart-service", level="info", message="cart for user-7 shown", per_min=1),
    Log(service="api-gateway", level="warn", message="slow call to 10.1.2.3", per_min=1),
    Log(service="api-gateway", level="error", message='says "boom": broken pipe', per_min=1),
)


async def messages(double: DatadogDouble, query: str, **page: Any) -> list[str]:
    body = {"filter": {"query": query, "from": "now-10m", "to": "now"}, "page": {"limit": 1000}}
    answer = await read(double, SEARCH, {**body, **page})
    return [entry["attributes"]["message"] for entry in answer["data"]]


@pytest.mark.parametrize(
    ("query", "starts"),
    [
        ("", "call cart slow says"),
        ("*", "call cart slow says"),
        ("service:cart-service", "call cart"),
        ("service:cart-service status:error", "call"),
        ("service:cart-service AND status:error", "call"),
        ("status:error OR status:warn", "call slow says"),
        ("status:(error OR warn) -service:api-gateway", "call"),
        ("NOT status:error", "cart slow"),
        ("-status:error -status:info", "slow"),
        ("service:cart-* -(status:info OR timed)", ""),
        ("status:ERROR", "call says"),
        ("env:prod team:platform", "slow says"),
        ('"timed out"', "call"),
        ('"out timed"', ""),
        ("timed out", "call"),
        ("TIMED", "call"),
        ("time", ""),
        ("time*", "call"),
        ("user-7", "cart"),
        ("user", "cart"),
        (r"10.1.2.3", "slow"),
        (r'"\"boom\": broken"', "says"),
        ("host:shop-node-2 service:cart-service", "call cart"),
        ("host:nowhere", ""),
        ("host:*", "call cart slow says"),
        ("@colour:red", ""),
        ("service:zeppelin", ""),
        ("ms", "call"),
    ],
)
async def test_a_query_finds_the_lines_it_says_and_no_others(
    double: DatadogDouble, query: str, starts: str
) -> None:
    double.story = KINDS
    found = {message.partition(" ")[0] for message in await messages(double, query)}
    assert found == set(starts.split())


@pytest.mark.parametrize(
    "query", ["(status:error", "status:error)", 'x "y', "status:", "a OR", "status:[1]"]
)
async def test_a_query_that_is_none_is_refused_by_its_field(
    double: DatadogDouble, query: str
) -> None:
    answer = await send(double, "POST", SEARCH, {"filter": {"query": query}})
    assert answer.status_code == 400
    [words] = answer.json()["errors"]
    assert words.startswith("input_validation_error(Field 'filter.query' is invalid")


async def test_a_value_that_differs_from_line_to_line_can_be_searched(
    double: DatadogDouble,
) -> None:
    lines = await messages(double, "timed")
    waited = lines[0].rpartition(" after ")[2].partition(" ")[0]
    found = await messages(double, f'"after {waited} ms"')
    assert found == [line for line in lines if f"after {waited} ms" in line]


@pytest.mark.parametrize("order", ["timestamp", "-timestamp"])
async def test_pages_by_cursor_hold_every_line_once_in_order(
    double: DatadogDouble, order: str
) -> None:
    found: list[tuple[str, str]] = []
    cursor: str | None = None
    while cursor or not found:
        page = {"limit": 97, **({"cursor": cursor} if cursor else {})}
        body = {"filter": {"from": "now-10m"}, "sort": order, "page": page}
        answer = await read(double, SEARCH, body)
        found += [(entry["attributes"]["timestamp"], entry["id"]) for entry in answer["data"]]
        cursor = answer["meta"].get("page", {}).get("after")
    written = [line.id for line in double.story.lines(NOW - timedelta(minutes=10), NOW)]
    assert len(found) == len(written) == 780
    assert {record for _, record in found} == set(written)
    times = [at for at, _ in found]
    assert times == sorted(times, reverse=order == "-timestamp")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("now-5m", "now"),
        ("2026-11-23T11:55:00Z", "2026-11-23T12:00:00+00:00"),
        (str(round(NOW.timestamp() * 1000) - 300_000), str(round(NOW.timestamp() * 1000))),
    ],
)
async def test_the_time_is_honoured_in_each_form(
    double: DatadogDouble, start: str, end: str
) -> None:
    body = {"filter": {"query": "*", "from": start, "to": end}, "page": {"limit": 1000}}
    data = (await read(double, SEARCH, body))["data"]
    times = [datetime.fromisoformat(entry["attributes"]["timestamp"]) for entry in data]
    assert len(times) == 390
    assert all(NOW - timedelta(minutes=5) <= at < NOW for at in times)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"filter": {"from": "yesterday"}}, "filter.from"),
        ({"filter": {"to": "9"}, "page": {"limit": 1001}}, "page.limit"),
        ({"page": {"limit": 0}}, "page.limit"),
        ({"page": {"cursor": "bm9uZQ=="}}, "page.cursor"),
        ({"sort": "service"}, "sort"),
        ({"filters": {}}, "filters"),
    ],
)
async def test_a_wrong_field_is_refused_by_its_name(
    double: DatadogDouble, body: dict[str, Any], field: str
) -> None:
    answer = await send(double, "POST", SEARCH, body)
    assert answer.status_code == 400
    assert f"'{field}'" in answer.json()["errors"][0]


async def test_a_line_says_whose_it_is(double: DatadogDouble) -> None:
    body = {"filter": {"query": "timed", "from": "now-1m"}, "page": {"limit": 1}}
    [entry] = (await read(double, SEARCH, body))["data"]
    attributes = entry["attributes"]
    assert (attributes["service"], attributes["status"]) == ("cart-service", "error")
    tags = ["service:cart-service", "host:shop-node-2", "env:prod", "team:checkout"]
    assert (attributes["host"], attributes["tags"]) == ("shop-node-2", tags)


async def test_lines_are_counted_by_facets_as_they_are_listed(double: DatadogDouble) -> None:
    groups = [{"facet": "service"}, {"facet": "status"}]
    span = {"query": "-status:warn", "from": "now-10m"}
    computes = [{"aggregation": "count"}, {"aggregation": "cardinality", "metric": "host"}]
    answer = await read(
        double, AGGREGATE, {"filter": span, "group_by": groups, "compute": computes}
    )
    counted = {
        (bucket["by"]["service"], bucket["by"]["status"]): tuple(bucket["computes"].values())
        for bucket in answer["data"]["buckets"]
    }
    assert list(counted.items()) == [
        (("cart-service", "info"), (600, 1)),
        (("cart-service", "error"), (120, 1)),
    ]
    assert len(await messages(double, "status:error")) == 120


@pytest.mark.parametrize("facet", ["host", "@host"])
async def test_lines_of_several_hosts_are_counted_one_by_one(
    double: DatadogDouble, facet: str
) -> None:
    body = {"filter": {"query": "slow", "from": "now-1h"}, "group_by": [{"facet": facet}]}
    buckets = (await read(double, AGGREGATE, body))["data"]["buckets"]
    assert sorted(bucket["by"][facet] for bucket in buckets) == ["shop-node-1", "shop-node-2"]
    assert sum(bucket["computes"]["c0"] for bucket in buckets) == 360


async def test_groups_are_sorted_and_cut_at_their_limit(double: DatadogDouble) -> None:
    async def by(**group: Any) -> list[str]:
        body = {"filter": {"from": "now-10m"}, "group_by": [{"facet": "status", **group}]}
        buckets = (await read(double, AGGREGATE, body))["data"]["buckets"]
        return [bucket["by"]["status"] for bucket in buckets]

    measured = {"type": "measure", "aggregation": "count", "order": "asc"}
    assert await by() == ["info", "error", "warn"]
    assert await by(limit=2) == ["info", "error"]
    assert await by(sort=measured, limit=1) == ["warn"]
    assert await by(sort={"type": "alphabetical", "order": "asc"}) == ["error", "info", "warn"]


async def test_counts_over_time_show_when_errors_began(double: DatadogDouble) -> None:
    compute = {"aggregation": "count", "type": "timeseries", "interval": "10m"}
    body = {"filter": {"query": "status:error", "from": "now-1h"}, "compute": [compute]}
    [bucket] = (await read(double, AGGREGATE, body))["data"]["buckets"]
    assert [point["value"] for point in bucket["computes"]["c0"]] == [0, 0, 0, 120, 120, 120]


async def test_a_flood_is_paged_and_counted_fast(double: DatadogDouble) -> None:
    double.story = with_logs(
        *(
            Log(
                service="cart-service", level="info", message=f"{n} took {{ms}} {{id}}", per_min=500
            )
            for n in range(10)
        )
    )
    span = {"query": "service:cart-service -timeout", "from": "now-2h"}
    began = time.perf_counter()
    page = await read(double, SEARCH, {"filter": span, "page": {"limit": 1000}})
    counted = await read(double, AGGREGATE, {"filter": span})
    took_s = time.perf_counter() - began
    assert len(page["data"]) == 1000
    assert counted["data"]["buckets"][0]["computes"]["c0"] == 600_000
    assert took_s < 2


async def test_hostile_lines_come_as_they_are(double: DatadogDouble) -> None:
    hostile = 'ignore all\n\x1b[31m\u202e"}],"data":[{ {x} \\ 日本 <script>'
    double.story = with_logs(Log(service="cart-service", level="error", message=hostile, per_min=1))
    assert set(await messages(double, "*")) == {hostile}
