"""Metrics of the Datadog double: names, tags, queries, formulas, time."""

from typing import Any

import pytest

from lab.datadog import DatadogDouble
from lab.signals import Metric, Signals
from tests.lab.datadog.conftest import NOW, read, send, story_of

QUERY = "/api/v2/query/timeseries"
NOW_MS = round(NOW.timestamp() * 1000)
MINUTE_MS = 60_000


def request(*queries: str, formulas: tuple[str, ...] = (), **attributes: Any) -> dict[str, Any]:
    return {
        "data": {
            "type": "timeseries_request",
            "attributes": {
                "from": NOW_MS - 60 * MINUTE_MS,
                "to": NOW_MS,
                "interval": MINUTE_MS,
                "queries": [
                    {"data_source": "metrics", "query": query, "name": name}
                    for name, query in zip("abc", queries, strict=False)
                ],
                "formulas": [{"formula": formula} for formula in formulas],
                **attributes,
            },
        }
    }


async def series(
    double: DatadogDouble, *queries: str, **attributes: Any
) -> dict[tuple[str, ...], list[float]]:
    """The values of each group."""
    answer = await read(double, QUERY, request(*queries, **attributes))
    shown = answer["data"]["attributes"]
    groups = [tuple(entry["group_tags"]) for entry in shown["series"]]
    return dict(zip(groups, shown["values"], strict=True))


def near(value: float) -> Any:
    """Within the noise of a story."""
    return pytest.approx(value, rel=0.05)


async def test_a_series_changes_when_the_trouble_begins(double: DatadogDouble) -> None:
    answer = await read(double, QUERY, request("p99:trace.http.request{service:cart-service}"))
    shown = answer["data"]["attributes"]
    assert shown["times"] == [NOW_MS - n * MINUTE_MS for n in range(60, 0, -1)]
    [values] = shown["values"]
    assert values[:30] == [near(310)] * 30
    assert values[30:] == [near(2340)] * 30
    [entry] = shown["series"]
    assert (entry["group_tags"], entry["query_index"]) == ([], 0)
    assert (entry["unit"][0]["name"], entry["unit"][1]) == ("millisecond", None)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("avg:system.cpu.user{*} by {host}", 5),
        ("avg:system.cpu.user{host:shop-node-1} by {host}", 1),
        ("avg:system.cpu.user{host:shop-*} by {host}", 3),
        ("avg:system.cpu.user{!host:shop-node-1} by {host}", 4),
        ("avg:system.cpu.user{host IN (shop-node-1,shop-node-2)} by {host}", 2),
        ("avg:system.cpu.user{host NOT IN (shop-node-1, shop-node-2)} by {host}", 3),
        ("avg:system.cpu.user{host:shop-node-1 OR host:data-node-1} by {host}", 2),
        ("system.cpu.user{*}", 1),
        ("avg:trace.http.request{team:checkout,env:prod} by {service}", 6),
        ("avg:trace.http.request{team:checkout,env:test} by {service}", 0),
        ("avg:no.such.metric{*}", 0),
    ],
)
async def test_the_scope_of_a_query_is_honoured(
    double: DatadogDouble, query: str, found: int
) -> None:
    assert len(await series(double, query)) == found


async def test_groups_carry_their_tags_and_sources_are_put_together(
    double: DatadogDouble,
) -> None:
    double.story = story_of(
        Signals(
            metric=tuple(
                Metric(name="queue", tags={"host": host, "shard": shard}, normal=value, now=value)
                for host, shard, value in (("a", "1", 10), ("a", "2", 30), ("b", "1", 100))
            )
        )
    )
    for aggregation, a in (("avg", 20), ("sum", 40), ("min", 10), ("max", 30)):
        found = await series(double, f"{aggregation}:queue{{*}} by {{host}}")
        assert {group: values[0] for group, values in found.items()} == {
            ("host:a",): near(a),
            ("host:b",): near(100),
        }
    assert ("shard:2", "host:a") in await series(double, "avg:queue{*} by {shard,host}")
    assert list(await series(double, "avg:queue{*} by {zone}")) == [("zone:N/A",)]


async def test_percentiles_between_the_average_and_the_p99_follow_from_both(
    double: DatadogDouble,
) -> None:
    found = [
        (await series(double, f"{name}:trace.http.request{{service:cart-service}}"))[()][-1]
        for name in ("p50", "avg", "p95", "p99", "max")
    ]
    assert found == sorted(found)
    assert found[1] == near(780)


@pytest.mark.parametrize(
    ("suffix", "value", "unit", "per"),
    [
        ("", 1700, "request", "minute"),
        (".as_rate()", 1700 / 60, "request", "second"),
        (".as_count()", 1700, "request", None),
        (".as_count().rollup(sum, 300)", 5 * 5 * 1700, "request", None),
        (".rollup(max, 600)", 1700, "request", "minute"),
        (".fill(zero)", 1700, "request", "minute"),
    ],
)
async def test_functions_change_the_value_and_its_unit(
    double: DatadogDouble, suffix: str, value: float, unit: str, per: str | None
) -> None:
    query = f"sum:trace.http.request.hits{{service:cart-service}}{suffix}"
    shown = (await read(double, QUERY, request(query)))["data"]["attributes"]
    assert shown["values"][0][0] == near(value)
    [of, each] = shown["series"][0]["unit"]
    assert (of["name"], each and each["name"]) == (unit, per)


async def test_formulas_are_computed_group_by_group(double: DatadogDouble) -> None:
    queries = (
        "sum:trace.http.request.errors{*} by {service}",
        "sum:trace.http.request.hits{*} by {service}",
    )
    found = await series(double, *queries, formulas=("a / b * 100",))
    assert found[("service:cart-service",)][-1] == pytest.approx(8, rel=0.1)
    two = await read(double, QUERY, request(*queries))
    assert {entry["query_index"] for entry in two["data"]["attributes"]["series"]} == {0, 1}


@pytest.mark.parametrize(
    "query",
    [
        "avg:system.cpu.user",
        "avg:system.cpu.user{",
        "avg:system.cpu.user{*",
        "avg:system.cpu.user{shop-node-1}",
        "average:system.cpu.user{*}",
        "avg:system.cpu.user{*} by host",
        "avg:system.cpu.user{*}.sideways()",
        "",
    ],
)
async def test_a_query_that_is_none_is_refused_with_its_text(
    double: DatadogDouble, query: str
) -> None:
    answer = await send(double, "POST", QUERY, request(query))
    [words] = answer.json()["errors"]
    assert answer.status_code == 400
    assert words.startswith(f"Error parsing query: \n unable to parse {query}: Rule '")


@pytest.mark.parametrize("formula", ["z", "a +", "__import__('os')", "a ** 9", "a.b", "-a", "'x'"])
async def test_a_formula_that_is_none_is_refused(double: DatadogDouble, formula: str) -> None:
    body = request("avg:system.cpu.user{*}", formulas=(formula,))
    assert (await send(double, "POST", QUERY, body)).status_code == 400


async def test_nothing_is_told_of_the_time_after_the_story(double: DatadogDouble) -> None:
    body = request("avg:system.cpu.user{*}", to=NOW_MS + 30 * MINUTE_MS)
    times = (await read(double, QUERY, body))["data"]["attributes"]["times"]
    assert times[-1] == NOW_MS - MINUTE_MS


async def test_too_fine_an_interval_over_a_long_time_is_made_coarser(
    double: DatadogDouble,
) -> None:
    body = request("avg:system.cpu.user{*}")
    body["data"]["attributes"]["from"] = NOW_MS - 7 * 1440 * MINUTE_MS
    times = (await read(double, QUERY, body))["data"]["attributes"]["times"]
    assert 1000 < len(times) <= 1500


async def test_metrics_are_found_by_a_part_of_their_name_or_by_their_tags(
    double: DatadogDouble,
) -> None:
    found = await read(double, "/api/v1/search", q="metrics:REQUEST.h")
    assert found["results"]["metrics"] == ["trace.http.request.hits"]
    path = "/api/v2/metrics"
    tagged = await read(double, path, **{"filter[tags]": "database:orders-db"})
    names = ["postgresql.connections", "postgresql.max_connections"]
    assert [entry["id"] for entry in tagged["data"]] == names
    first = await read(double, path, **{"page[size]": 3})
    cursor = first["meta"]["pagination"]["next_cursor"]
    second = await read(double, path, **{"page[size]": 100, "page[cursor]": cursor})
    whole = await read(double, path)
    assert first["data"] + second["data"] == whole["data"]
    assert second["meta"]["pagination"]["next_cursor"] is None
    active = {"from": 0, "host": "data-node-1", "tag_filter": "database:prices-db"}
    assert (await read(double, "/api/v1/metrics", **active))["metrics"] == names


async def test_the_tags_of_a_metric_are_listed_and_an_unknown_metric_is_not_found(
    double: DatadogDouble,
) -> None:
    path = "/api/v2/metrics/{}/all-tags"
    tags = (await read(double, path.format("hikari.pending")))["data"]["attributes"]["tags"]
    assert tags == ["env:prod", "service:cart-service", "team:checkout"]
    assert (await send(double, "GET", path.format("no.such"))).status_code == 404
