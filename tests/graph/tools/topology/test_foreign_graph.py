"""A graph that somebody else made: native values, missing names, several owners, cycles."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from graph.tools.topology.cypher import GraphReader
from graph.tools.topology.rows import ROW_LIMIT
from lab.minimax import MiniMaxDouble, Reply, calling
from tests.conftest import OpenRuntime
from tests.graph.tools.topology.conftest import Fill, ask


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("datetime('2026-11-24T10:00:00Z')", "2026-11-24T10:00:00"),
        ("date('2026-11-24')", "2026-11-24"),
        ("[1, 2]", "1,2"),
    ],
)
async def test_a_native_value_is_shown_and_kept_as_json(
    scratch: GraphReader, fill: Fill, value: str, shown: str
) -> None:
    await fill(f"CREATE (:Service {{name: 'a', since: {value}}})")
    result = await ask(scratch, "get_component", name="a")
    assert f"component\tsince\t{shown}" in result.text
    assert json.loads(json.dumps(result.data)) == result.data


async def test_a_native_time_in_a_component_does_not_lose_the_turn(
    scratch: GraphReader, fill: Fill, open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    await fill("CREATE (:Service {name: 'a', since: datetime('2026-11-24T10:00:00Z')})")
    provider.queue("MiniMax-M3", calling(("get_component", {"name": "a"})))
    provider.queue("MiniMax-M3", Reply({"content": "It runs since ten [E1]."}))
    async with open_lab(neo4j_database=scratch.database) as runtime:
        state = await runtime.investigate("How is a?", thread_id="t")
        assert await runtime.state("t") == state
    assert state["messages"][-1].text == "It runs since ten [E1]."


async def test_deployments_with_a_native_time_are_listed(scratch: GraphReader, fill: Fill) -> None:
    await fill(
        "CREATE (s:Service {name: 'a'}) "
        "CREATE (s)-[:HAD_DEPLOYMENT]->(:Deployment {id: 'now', deployed_at: datetime($now)}) "
        "CREATE (s)-[:HAD_DEPLOYMENT]->(:Deployment "
        "{id: 'old', deployed_at: datetime('2020-01-01T00:00:00Z')})",
        now=(datetime.now(UTC) - timedelta(minutes=1)).isoformat(),
    )
    result = await ask(scratch, "list_changes")
    assert [row["id"] for row in result.data] == ["now"]


async def test_nodes_without_a_name_are_left_out(scratch: GraphReader, fill: Fill) -> None:
    await fill(
        "CREATE (s:Service {name: 's'}) CREATE (s)-[:CALLS]->(:Service {team: 'pay'}) "
        "CREATE (s)-[:CALLS]->(:Service {name: 't'})",
    )
    topology = await ask(scratch, "get_topology", name="s")
    assert [(edge["from"], edge["to"]) for edge in topology.data] == [("s", "t")]
    found = await ask(scratch, "find_services", query="pay")
    assert found.status == "no_data"


async def test_a_name_that_is_a_number_is_shown(scratch: GraphReader, fill: Fill) -> None:
    await fill("CREATE (:Service {name: 42})-[:CALLS]->(:Service {name: 's'})")
    found = await ask(scratch, "find_services")
    assert [row["name"] for row in found.data] == ["42", "s"]
    topology = await ask(scratch, "get_topology", name="s")
    assert [(edge["from"], edge["to"]) for edge in topology.data] == [("42", "s")]


async def test_a_component_of_two_teams_is_listed_once_with_both(
    scratch: GraphReader, fill: Fill
) -> None:
    await fill(
        "CREATE (s:Service {name: 's'}) CREATE (s)-[:OWNED_BY]->(:Team {name: 'pay'}) "
        "CREATE (s)-[:OWNED_BY]->(:Team {name: 'core'})",
    )
    [row] = (await ask(scratch, "find_services", query="core")).data
    assert (row["name"], sorted(row["team"])) == ("s", ["core", "pay"])
    shown = await ask(scratch, "get_component", name="s")
    assert (shown.matched, shown.returned) == (1, 1)
    assert {"team\tname\tpay", "team\tname\tcore"} <= set(shown.text.splitlines())


async def test_components_of_one_name_are_all_shown(scratch: GraphReader, fill: Fill) -> None:
    await fill("CREATE (:Service {name: 's', env: 'a'}), (:Service {name: 's', env: 'b'})")
    shown = await ask(scratch, "get_component", name="s")
    assert (shown.matched, shown.returned) == (2, 2)
    assert {"component\tenv\ta", "component\tenv\tb"} <= set(shown.text.splitlines())


async def test_on_a_cycle_every_call_is_shown_once(scratch: GraphReader, fill: Fill) -> None:
    await fill(
        "CREATE (a:Service {name: 'a'}), (b:Service {name: 'b'}), (c:Service {name: 'c'}) "
        "CREATE (a)-[:CALLS]->(b), (b)-[:CALLS]->(c), (c)-[:CALLS]->(a), (a)-[:CALLS]->(a)",
    )
    topology = await ask(scratch, "get_topology", name="a", depth=6)
    shown = sorted(f"{edge['from']}>{edge['to']}" for edge in topology.data)
    assert shown == ["a>a", "a>b", "b>c", "c>a"]


async def test_a_blast_radius_that_was_cut_says_so(scratch: GraphReader, fill: Fill) -> None:
    await fill(
        "CREATE (x:Service {name: 'x'}) WITH x UNWIND range(1, $callers) AS number "
        "CREATE (:Service {name: 'caller-' + toString(number)})-[:CALLS]->(x)",
        callers=ROW_LIMIT + 5,
    )
    result = await ask(scratch, "find_blast_radius", name="x")
    assert f"[only the first {ROW_LIMIT} calls were followed; more may be affected]" in result.text


async def test_a_node_of_several_labels_is_of_the_kind_that_the_mapping_names(
    scratch: GraphReader, fill: Fill
) -> None:
    await fill("CREATE (:Aaa:Service {name: 'a'}), (:Service:Zzz {name: 'z'})")
    found = await ask(scratch, "find_services")
    assert [row["kind"] for row in found.data] == ["Service", "Service"]
    assert (await ask(scratch, "get_component", name="a")).data[0]["kind"] == "Service"


async def test_a_list_where_one_team_is_expected_does_not_hide_the_rest(
    scratch: GraphReader, fill: Fill
) -> None:
    await fill("CREATE (:Service {name: 'a', team: ['x', 'y']}), (:Service {name: 'b'})")
    found = await ask(scratch, "find_services")
    assert [(row["name"], row["team"]) for row in found.data] == [("a", ["x", "y"]), ("b", [])]


async def test_deployments_with_a_local_time_are_listed(scratch: GraphReader, fill: Fill) -> None:
    await fill(
        "CREATE (:Service {name: 'a'})-[:HAD_DEPLOYMENT]->"
        "(:Deployment {id: 'now', deployed_at: localdatetime($now)})",
        now=(datetime.now(UTC) - timedelta(minutes=1)).replace(tzinfo=None).isoformat(),
    )
    result = await ask(scratch, "list_changes")
    assert [row["id"] for row in result.data] == ["now"]
