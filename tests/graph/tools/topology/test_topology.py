"""The questions to the topology, asked of a real Bolt server through the tools a model is given."""

import asyncio
import re
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from neo4j import AsyncGraphDatabase
from pydantic import ValidationError

from graph.tools.result import ToolResult
from graph.tools.topology.cypher import GraphReader
from graph.tools.topology.rows import ROW_LIMIT
from graph.tools.window import Window
from tests.graph.tools.topology.conftest import Fill, ask

QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("find_services", {"query": "cart"}),
    ("get_component", {"name": "cart-service"}),
    ("get_topology", {"name": "cart-service"}),
    ("find_blast_radius", {"name": "cart-service"}),
    ("find_path", {"source": "cart-service", "target": "tax-service"}),
    ("list_changes", {"service": "cart-service"}),
]
SHOP_CALLS = ["web>lb", "lb>order", "lb>inv", "order>inv", "order>pay", "pay>bank", "job>inv"]


async def calls(fill: Fill, *pairs: str) -> None:
    """Add services that call each other, each pair as `a>b`."""
    await fill(
        "UNWIND $pairs AS pair MERGE (a:Service {name: pair[0]}) MERGE (b:Service {name: pair[1]}) "
        "CREATE (a)-[:CALLS]->(b)",
        pairs=[pair.split(">") for pair in pairs],
    )


async def deployed(fill: Fill, *hours_ago: float) -> None:
    """Add services with one deployment each, named for its age."""
    times = [datetime.now(UTC) - timedelta(hours=hours) for hours in hours_ago]
    await fill(
        "UNWIND $rows AS row CREATE (:Service {name: row[0]})"
        "-[:HAD_DEPLOYMENT]->(:Deployment {id: row[0], deployed_at: row[1]})",
        rows=[[f"{h}h", f"{t:%FT%TZ}"] for h, t in zip(hours_ago, times, strict=True)],
    )


def edges(result: ToolResult) -> list[str]:
    return sorted(f"{edge['from']}>{edge['to']}" for edge in result.data)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("cart", ["cart-service"]),
        (" CART ", ["cart-service"]),
        ("pricing", ["prices-db", "pricing-service", "promotion-service", "tax-service"]),
        ("-db", ["orders-db", "prices-db"]),
    ],
)
async def test_services_are_found_by_a_part_of_their_name_or_team(
    shop: GraphReader, query: str, found: list[str]
) -> None:
    result = await ask(shop, "find_services", query=query)
    assert (result.status, result.matched, result.returned) == ("ok", len(found), len(found))
    assert [row["name"] for row in result.data] == found


async def test_a_component_is_shown_with_its_team_and_its_hosts(shop: GraphReader) -> None:
    result = await ask(shop, "get_component", name="api-gateway")
    assert result.status == "ok"
    assert {
        "component\tkind\tService",
        "component\tversion\tv3.9.0",
        "team\toncall\tLea Moreau",
        "host\tname\tshop-node-1",
        "host\tname\tshop-node-2",
    } <= set(result.text.splitlines())


@pytest.mark.parametrize(("name", "kind"), [("orders-db", "Database"), ("data-node-1", "Host")])
async def test_databases_and_hosts_are_shown_too(shop: GraphReader, name: str, kind: str) -> None:
    result = await ask(shop, "get_component", name=name)
    assert (result.status, result.data[0]["kind"]) == ("ok", kind)


@pytest.mark.parametrize(
    ("direction", "depth", "expected"),
    [
        ("dependencies", 1, ["order>inv", "order>pay"]),
        ("dependencies", 2, ["order>inv", "order>pay", "pay>bank"]),
        ("dependents", 1, ["lb>order"]),
        ("dependents", 2, ["lb>order", "web>lb"]),
        ("both", 1, ["lb>order", "order>inv", "order>pay"]),
    ],
)
async def test_the_topology_goes_in_the_asked_direction_to_the_asked_depth(
    scratch: GraphReader, fill: Fill, direction: str, depth: int, expected: list[str]
) -> None:
    await calls(fill, *SHOP_CALLS)
    result = await ask(scratch, "get_topology", name="order", direction=direction, depth=depth)
    assert (result.status, edges(result)) == ("ok", expected)


async def test_an_edge_carries_its_latencies(scratch: GraphReader, fill: Fill) -> None:
    await fill(
        "CREATE (:Service {name: 'a'})-[:USES {avg_latency_ms: 4.0, p99_latency_ms: 19.5, "
        "baseline_p99_latency_ms: 18, requests_per_min: 3400, error_rate: 0.01, connections: 12}]"
        "->(:Database {name: 'd'})",
    )
    names, line = (await ask(scratch, "get_topology", name="d")).text.splitlines()
    latencies = ["avg_latency_ms", "p99_latency_ms", "baseline_p99_latency_ms"]
    assert names.split("\t")[3:7] == [*latencies, "requests_per_min"]
    assert line == "a\tUSES\td\t4\t19.5\t18\t3400\t0.01\t12"


@pytest.mark.parametrize(
    ("name", "depth", "nearest_first"),
    [
        ("bank", 6, "1 pay, 2 order, 3 lb, 4 web"),
        ("bank", 2, "1 pay, 2 order"),
        ("inv", 6, "1 job, 1 lb, 1 order, 2 web"),
    ],
)
async def test_the_blast_radius_is_every_caller_to_the_depth_by_its_shortest_way(
    scratch: GraphReader, fill: Fill, name: str, depth: int, nearest_first: str
) -> None:
    await calls(fill, *SHOP_CALLS)
    result = await ask(scratch, "find_blast_radius", name=name, depth=depth)
    affected = ", ".join(f"{row['distance']} {row['name']}" for row in result.data)
    assert affected == nearest_first


@pytest.mark.parametrize("direction", ["dependencies", "dependents"])
async def test_a_cycle_ends_and_shows_each_edge_once(
    scratch: GraphReader, fill: Fill, direction: str
) -> None:
    await calls(fill, "a>b", "b>c", "c>a", "a>a")
    around = await ask(scratch, "get_topology", name="a", direction=direction, depth=6)
    assert edges(around) == ["a>a", "a>b", "b>c", "c>a"]
    affected = await ask(scratch, "find_blast_radius", name="a", depth=6)
    assert [(row["name"], row["distance"]) for row in affected.data] == [("c", 1), ("b", 2)]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"window": "last 1h"}, ["0.5h"]),
        ({}, ["0.5h", "2h", "23h"]),
        ({"window": "last 30d"}, ["0.5h", "2h", "23h", "25h", "719h"]),
        ({"window": "last 30d", "service": "25h"}, ["25h"]),
    ],
)
async def test_deployments_of_the_window_come_newest_first(
    scratch: GraphReader, fill: Fill, arguments: dict[str, Any], found: list[str]
) -> None:
    await deployed(fill, 23, 0.5, 719, 2, 25, 721)
    earlier = Window.parse(arguments.get("window", "last 24h"))
    result = await ask(scratch, "list_changes", **arguments)
    assert [row["id"] for row in result.data] == found
    asked = Window.parse(result.window or "")
    assert asked.seconds == earlier.seconds
    assert earlier.start <= asked.start <= earlier.start + timedelta(minutes=1)
    assert result.text.startswith(f"neo4j: {len(found)}; ")


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("find_services", "[3 or more further rows; ask for a narrower part]"),
        ("list_changes", "[3 older ones; ask for an earlier window]"),
    ],
)
async def test_a_cut_at_a_limit_is_said(
    scratch: GraphReader, fill: Fill, tool: str, said: str
) -> None:
    await deployed(fill, 1, 2, 3, 4, 5)
    result = await ask(scratch, tool, limit=2)
    assert (result.matched, result.returned, len(result.data)) == (5, 2, 2)
    assert said in result.text.splitlines()[:2]
    assert said not in (await ask(scratch, tool, limit=5)).text


async def test_a_cut_at_the_row_limit_is_said(scratch: GraphReader, fill: Fill) -> None:
    await calls(fill, *(f"hub>leaf-{number}" for number in range(ROW_LIMIT + 5)))
    result = await ask(scratch, "get_topology", name="hub", depth=1)
    assert (result.matched, result.returned) == (ROW_LIMIT + 1, ROW_LIMIT)
    assert "[1 or more further rows" in result.text


async def test_a_shortest_way_of_calls_is_found_with_its_edges_in_order(
    scratch: GraphReader, fill: Fill
) -> None:
    await calls(fill, "a>b", "b>c", "c>d", "a>x", "x>d", "d>a", "d>e")
    way = await ask(scratch, "find_path", source="a", target="d")
    assert [f"{edge['from']}>{edge['to']}" for edge in way.data] == ["a>x", "x>d"]
    assert way.text.splitlines()[0].startswith("from\trelation\tto\tavg_latency_ms")


@pytest.mark.parametrize(("target", "depth"), [("z", 6), ("d", 2), ("a", 6)])
async def test_without_a_way_within_the_depth_there_is_no_data(
    scratch: GraphReader, fill: Fill, target: str, depth: int
) -> None:
    await calls(fill, "a>b", "b>c", "c>d", "z>a")
    way = await ask(scratch, "find_path", source="a", target=target, depth=depth)
    assert (way.status, way.error, way.matched) == ("no_data", None, 0)


async def test_a_way_beyond_what_was_followed_is_not_denied(
    scratch: GraphReader, fill: Fill
) -> None:
    leaves = (f"hub>leaf-{number:04}" for number in range(ROW_LIMIT + 5))
    await calls(fill, *leaves, f"leaf-{ROW_LIMIT + 4:04}>end")
    way = await ask(scratch, "find_path", source="hub", target="end")
    assert way.text == f"only the first {ROW_LIMIT} calls were followed; there may be a way"


@pytest.mark.parametrize(
    ("tool", "kinds"),
    [
        ("get_component", "service, database or host"),
        ("get_topology", "service or database"),
        ("find_blast_radius", "service or database"),
    ],
)
async def test_an_unknown_name_is_no_data_with_names_like_it(
    shop: GraphReader, tool: str, kinds: str
) -> None:
    near = await ask(shop, tool, name="cart-svc")
    assert (near.status, near.error, near.returned) == ("no_data", None, 0)
    assert near.text == f"no {kinds} is named 'cart-svc'; names like it: cart-service"
    far = await ask(shop, tool, name="zeppelin")
    assert (far.status, far.text.split("; ")[1]) == ("no_data", "no name is like it")


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("find_services", {"query": "zeppelin"}),
        ("get_topology", {"name": "orders-db", "direction": "dependencies"}),
        ("find_blast_radius", {"name": "web-shop"}),
    ],
)
async def test_finding_nothing_is_no_data(
    shop: GraphReader, tool: str, arguments: dict[str, Any]
) -> None:
    result = await ask(shop, tool, **arguments)
    assert (result.status, result.error, result.matched, result.text) == ("no_data", None, 0, "")


@pytest.mark.parametrize(("tool", "arguments"), QUESTIONS)
async def test_an_empty_database_is_no_data(
    scratch: GraphReader, tool: str, arguments: dict[str, Any]
) -> None:
    assert (await ask(scratch, tool, **arguments)).status == "no_data"


@pytest.mark.parametrize(("tool", "arguments"), QUESTIONS)
async def test_a_failing_database_is_an_error_in_its_own_words_and_soon(
    shop: GraphReader, tool: str, arguments: dict[str, Any]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        async with (
            AsyncGraphDatabase.driver(f"bolt://{address}", max_transaction_retry_time=0) as driver,
            asyncio.timeout(5),
        ):
            missing = await ask(replace(shop, database="nowhere"), tool, **arguments)
            unreachable = await ask(replace(shop, driver=driver), tool, **arguments)
    assert re.search(r"Neo\.ClientError\..*\bnowhere\b", missing.error or "")
    assert f"Couldn't connect to {address}" in (unreachable.error or "")
    for result in (missing, unreachable):
        assert (result.status, result.returned) == ("error", 0)
        assert next(iter(arguments.values())) in result.query
        if tool == "list_changes":
            assert set(result.unanswered) == {"neo4j"}
        else:
            assert result.source == "neo4j"
            assert result.query.startswith("MATCH")


@pytest.mark.parametrize(
    "name",
    ['it\'s "x"', "`a`", "a'}) RETURN 1 //", "back\\slash", "{name}", "$name", "日本", "a\nb"],
)
async def test_a_name_is_data_whatever_is_in_it(
    scratch: GraphReader, fill: Fill, name: str
) -> None:
    await calls(fill, f"{name}>other")
    assert edges(await ask(scratch, "get_topology", name=name)) == [f"{name}>other"]
    assert (await ask(scratch, "get_component", name=name)).data[0]["component"]["name"] == name
    found = await ask(scratch, "find_services", query=name)
    assert [row["name"] for row in found.data] == [name]


@pytest.mark.parametrize("code", ["' OR 1=1 OR ''='", "' OR true //", '" OR true //', "x` OR true"])
async def test_cypher_in_an_argument_is_not_run(shop: GraphReader, code: str) -> None:
    for tool, arguments in QUESTIONS:
        result = await ask(shop, tool, **dict.fromkeys(arguments, code))
        assert (tool, result.status) == (tool, "no_data")


@pytest.mark.parametrize(
    ("tool", "arguments", "named"),
    [
        ("get_component", {}, "name"),
        ("get_component", {"name": 5}, "name"),
        ("get_topology", {"name": "a", "depth": 0}, "depth"),
        ("get_topology", {"name": "a", "depth": 7}, "depth"),
        ("get_topology", {"name": "a", "direction": "up"}, "direction"),
        ("find_blast_radius", {"name": "a", "depth": "deep"}, "depth"),
        ("list_changes", {"window": "last 31d"}, "window"),
        ("get_topology", {"name": "a", "hops": 1}, "hops"),
    ],
)
async def test_a_wrong_argument_is_refused_by_its_name(
    shop: GraphReader, tool: str, arguments: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        await ask(shop, tool, **arguments)
    assert [problem["loc"] for problem in refused.value.errors()] == [(named,)]
