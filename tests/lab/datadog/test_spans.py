"""Spans of the Datadog double: groups and single spans follow from the calls of the topology."""

from typing import Any

import pytest

from lab.datadog import DatadogDouble
from lab.signals import Metric, Signals
from tests.lab.datadog.conftest import read, send, story_of

SEARCH = "/api/v2/spans/events/search"
AGGREGATE = "/api/v2/spans/analytics/aggregate"
LATENCIES = ("avg", "median", "pc95", "pc99")
CART = "service:cart-service resource_name:pricing-service"


async def groups(
    double: DatadogDouble, query: str, *facets: str, window: tuple[str, str] = ("now-20m", "now")
) -> dict[tuple[str, ...], list[float]]:
    """Count, then the latencies in milliseconds, of each group."""
    measures = [{"aggregation": name, "metric": "@duration"} for name in LATENCIES]
    attributes = {
        "filter": {"query": query, "from": window[0], "to": window[1]},
        "compute": [{"aggregation": "count"}, *measures],
        "group_by": [{"facet": facet, "limit": 100} for facet in facets],
    }
    body = {"data": {"type": "aggregate_request", "attributes": attributes}}
    found = {}
    for bucket in (await read(double, AGGREGATE, body))["data"]:
        count, *latencies = bucket["attributes"]["computes"].values()
        by = tuple(bucket["attributes"]["by"][facet] for facet in facets)
        found[by] = [count, *(latency / 1e6 for latency in latencies)]
    return found


async def listed(double: DatadogDouble, query: str, **attributes: Any) -> dict[str, Any]:
    span = {"query": query, "from": "now-5m", "to": "now"}
    body = {"type": "search_request", "attributes": {"filter": span, **attributes}}
    answer: dict[str, Any] = await read(double, SEARCH, {"data": body})
    return answer


async def test_a_group_has_the_figures_of_its_call(double: DatadogDouble) -> None:
    [found] = (await groups(double, CART)).values()
    count, average, median, p95, p99 = found
    assert count == 1700 * 20
    assert average == pytest.approx(760, rel=0.05)
    assert p99 == pytest.approx(2310, rel=0.02)
    assert median < average < p95 < p99


async def test_before_the_trouble_a_group_has_its_usual_figures(double: DatadogDouble) -> None:
    window = ("now-60m", "now-30m")
    [found] = (await groups(double, CART, window=window)).values()
    assert found[0] == 1700 * 30
    assert found[-1] == pytest.approx(290, rel=0.02)
    [failing] = (await groups(double, f"{CART} status:error", window=window)).values()
    assert failing[0] == pytest.approx(1.7 * 30, abs=1)


async def test_calls_rise_when_the_written_traffic_of_what_is_called_rises(
    double: DatadogDouble,
) -> None:
    hits = Metric(
        name="trace.http.request.hits",
        tags={"service": "pricing-service"},
        unit="request/min",
        normal=170,
        now=1700,
        since_minutes_ago=45,
    )
    double.story = story_of(Signals(began_minutes_ago=30, metric=(hits,)))
    for window, per_min, p99 in (
        (("now-60m", "now-50m"), 170, 290),
        (("now-45m", "now-35m"), 1700, 290),
        (("now-20m", "now-10m"), 1700, 2310),
    ):
        [found] = (await groups(double, CART, window=window)).values()
        assert found[0] == pytest.approx(per_min * 10, abs=1)
        assert found[-1] == pytest.approx(p99, rel=0.02)


async def test_a_time_that_holds_the_beginning_mixes_both(double: DatadogDouble) -> None:
    [found] = (await groups(double, CART, window=("now-60m", "now"))).values()
    assert found[0] == 1700 * 60
    assert 290 < found[1] < 760
    [failing] = (await groups(double, f"{CART} status:error", window=("now-60m", "now"))).values()
    assert failing[0] == pytest.approx(1700 * 30 * 0.081, abs=1)


@pytest.mark.parametrize(
    ("query", "callees"),
    [
        ("service:cart-service", {"pricing-service", "session-cache"}),
        ("service:cart-service status:error", {"pricing-service"}),
        ("service:cart-service operation_name:db.query", set()),
        ("service:promotion-service operation_name:db.query", {"prices-db"}),
        ("peer.service:orders-db type:db team:discovery", {"orders-db"}),
        ("service:cart-service @duration:>100ms", {"pricing-service"}),
        ("service:cart-service @duration:[0 TO 10000000]", {"session-cache"}),
        ("service:zeppelin", set()),
    ],
)
async def test_groups_honour_the_query(
    double: DatadogDouble, query: str, callees: set[str]
) -> None:
    assert {by for by, *_ in await groups(double, query, "resource_name")} == callees


async def test_groups_of_several_facets_add_up(double: DatadogDouble) -> None:
    found = await groups(double, "service:cart-service", "resource_name", "status", "host")
    assert list(found) == [
        ("session-cache", "ok", "shop-node-2"),
        ("pricing-service", "ok", "shop-node-2"),
        ("pricing-service", "error", "shop-node-2"),
    ]
    assert [measures[0] for measures in found.values()] == [68_000, 31_280, 2720]


async def test_single_spans_agree_with_their_groups(double: DatadogDouble) -> None:
    spans = (await listed(double, CART, page={"limit": 1000}))["data"]
    attributes = [span["attributes"] for span in spans]
    assert {entry["resource_name"] for entry in attributes} == {"pricing-service"}
    failing = sum(entry["attributes"]["status"] == "error" for entry in attributes)
    assert failing == pytest.approx(80, abs=5)
    durations = sorted(entry["custom"]["duration"] / 1e6 for entry in attributes)
    assert sum(durations) / 1000 == pytest.approx(760, rel=0.15)


@pytest.mark.parametrize("order", ["timestamp", "-timestamp"])
async def test_pages_of_spans_hold_every_one_once_in_order(
    double: DatadogDouble, order: str
) -> None:
    query = "service:report-worker OR (service:cart-service @duration:>2s)"
    found: list[tuple[str, str]] = []
    cursor: str | None = None
    while cursor or not found:
        page = {"limit": 100, **({"cursor": cursor} if cursor else {})}
        answer = await listed(double, query, sort=order, page=page)
        found += [(e["attributes"]["start_timestamp"], e["id"]) for e in answer["data"]]
        cursor = answer["meta"].get("page", {}).get("after")
    assert len({span for _, span in found}) == len(found) > 100
    times = [at for at, _ in found]
    assert times == sorted(times, reverse=order == "-timestamp")
    [(counted, *_)] = (await groups(double, query, window=("now-5m", "now"))).values()
    assert len(found) == pytest.approx(counted, rel=0.15)


async def test_spans_that_nothing_can_match_are_answered_without_looking_at_each(
    double: DatadogDouble,
) -> None:
    assert (await listed(double, "@duration:>1h"))["data"] == []
    assert (await listed(double, "service:pricing-service status:error"))["data"] == []


@pytest.mark.parametrize(
    "attributes",
    [
        {"compute": [{"aggregation": "pc99"}]},
        {"compute": [{"aggregation": "p99", "metric": "@duration"}]},
        {"compute": [{"aggregation": "count", "type": "timeseries", "interval": "soon"}]},
        {"group_by": [{"limit": 3}]},
        {"filter": {"query": "(("}},
    ],
)
async def test_groups_that_make_no_sense_are_refused(
    double: DatadogDouble, attributes: dict[str, Any]
) -> None:
    body = {"data": {"type": "aggregate_request", "attributes": attributes}}
    assert (await send(double, "POST", AGGREGATE, body)).status_code == 400
