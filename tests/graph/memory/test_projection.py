"""The copy of insights in a graph database: what it holds, whatever becomes of memory.

These tests run on any server: tests/graph/tools/topology/test_on_neo4j.py puts its own behind
`copy` and `copy_settings`.
"""

import asyncio
from typing import Any

import pytest

from graph.findings import Findings
from graph.memory import Memory
from graph.settings import GraphMapping, Settings
from lab.bolt import WRITER, BoltServer
from tests.conftest import SCRATCH, MakeSettings
from tests.graph.memory.copies import ESTATE, Copy, copying
from tests.graph.memory.found import baseline, insight, learn, pattern, turn

TITLE = "Client pool too small"
OTHER = {
    "title": "Certificate expires in three days",
    "finding": "The certificate of the gateway ends on 2026-11-27 and nobody renews it.",
    "components": ["CHECKOUT-SERVICE", "pricing-db"],
    "category": "reliability",
    "severity": "medium",
    "recommendation": "Renew it",
}
HOSTILE = """'}) DETACH DELETE (n) // ` " \\ $insights\n\n{id: "x"} \u2028 \U0001f525"""


@pytest.fixture
def copy(server: BoltServer) -> Copy:
    return Copy(server, SCRATCH)


@pytest.fixture
def copy_settings(lab_settings: MakeSettings, server: BoltServer) -> Settings:
    """With a user who may write, on a database that a test may fill as it likes."""
    return lab_settings(
        neo4j_database=SCRATCH,
        memory_neo4j_user=WRITER,
        memory_neo4j_password=server.writer_password,
    )


async def key_of(memory: Memory, title: str = TITLE) -> str:
    [key] = [item["id"] for item in await memory.items() if item.get("title") == title]
    return str(key)


async def test_an_insight_is_a_node_about_each_component_that_it_names(
    copy: Copy, copy_settings: Settings
) -> None:
    await copy.hold(*ESTATE)
    async with copying(copy_settings) as (memory, _):
        await learn(memory, insight(), turn("t1"))
        await learn(memory, insight(**OTHER), turn("t2", minute=1))
        keys = [await key_of(memory, str(OTHER["title"])), await key_of(memory)]
    other, first = await copy.insights()
    assert [other["id"], first["id"]] == keys
    assert first == {
        "id": keys[1],
        "title": TITLE,
        "finding": "Calls wait for one of five connections of the pool.",
        "category": "performance",
        "severity": "high",
        "recommendation": "Roll back v2.14.0",
        "status": "open",
        "confidence": 0.7,
        "occurrences": 1,
        "last_confirmed": "2026-11-24T10:00:00.000Z",
        "turn_id": "t1",
        "written_by": "[MiniMax]",
    }
    assert await copy.edges() == [
        (OTHER["title"], "checkout-service"),
        (OTHER["title"], "pricing-db"),
        (TITLE, "pricing-service"),
    ]


async def test_patterns_and_baselines_are_not_copied(copy: Copy, copy_settings: Settings) -> None:
    await copy.hold(*ESTATE)
    async with copying(copy_settings) as (memory, _):
        found = Findings(patterns=pattern().patterns, baselines=baseline().baselines)
        assert await learn(memory, found, turn("t1")) == 2
    assert await copy.run("MATCH (n) RETURN count(n) AS nodes") == [{"nodes": len(ESTATE)}]
    assert await copy.edges() == []


async def test_the_same_again_makes_nothing_twice_and_brings_it_up_to_date(
    copy: Copy, copy_settings: Settings
) -> None:
    await copy.hold(*ESTATE)
    for name, minute in (("t1", 0), ("t1", 0), ("t2", 2), ("t3", 3), ("t3", 3)):
        # Opened anew each time, so that each is a write of its own.
        async with copying(copy_settings) as (memory, projection):
            await learn(memory, insight(), turn(name, minute))
            assert projection
            assert await projection.copy([await key_of(memory)]) == 1
    [node] = await copy.insights()
    assert (node["occurrences"], node["last_confirmed"]) == (3, "2026-11-24T10:03:00.000Z")
    assert node["confidence"] == 0.85
    assert await copy.edges() == [(TITLE, "pricing-service")]


async def test_two_processes_that_copy_at_once_make_nothing_twice(
    copy: Copy, copy_settings: Settings, postgres_database: str
) -> None:
    await copy.hold(*ESTATE)
    state = {"database_url": postgres_database}
    settings = copy_settings.model_copy(update=state | {"executor_id": "one"})
    shared = type(settings)(**settings.model_dump(exclude_unset=True) | state)
    async with (
        copying(shared) as (memory, one),
        copying(shared, executor_id="two") as (_, two),
    ):
        assert one
        assert two
        for number in range(1, 9):
            title = f"Pool number {number * 111} is too small"
            finding = f"Pool {number * 111} has {number} connections, and all of them are taken."
            await learn(
                memory,
                insight(title=title, finding=finding, components=[f"pool-{number}"]),
                turn(f"t{number}"),
            )
        keys = [item["id"] for item in await memory.items()]
        await asyncio.gather(*(each.copy([key]) for key in keys for each in (one, two)))
    assert len(keys) == 8
    assert sorted(node["id"] for node in await copy.insights()) == sorted(keys)


async def test_a_component_that_is_not_in_the_graph_has_no_edge_until_it_is(
    copy: Copy, copy_settings: Settings
) -> None:
    await copy.hold(("Service", "checkout-service"), ("Host", "pricing-service"))
    async with copying(copy_settings) as (memory, _):
        await learn(memory, insight(), turn("t1"))
    assert [node["title"] for node in await copy.insights()] == [TITLE]
    assert await copy.edges() == []
    assert await copy.run("MATCH (n) RETURN count(n) AS nodes") == [{"nodes": 3}]
    await copy.run("CREATE (:Service {name: 'pricing-service'})")
    async with copying(copy_settings) as (memory, _):
        await learn(memory, insight(), turn("t2", minute=1))
    assert await copy.edges() == [(TITLE, "pricing-service")]


async def test_every_component_of_that_name_has_an_edge_and_odd_nodes_are_no_hindrance(
    copy: Copy, copy_settings: Settings
) -> None:
    await copy.hold(("Service", "pricing-service"), ("Service", "Pricing-Service"))
    await copy.run("CREATE (:Service), (:Service {name: 7}), (:Database {name: 'PRICING-SERVICE'})")
    await copy.run("CREATE (:Service {name: ['pricing-service']})")
    async with copying(copy_settings) as (memory, _):
        await learn(memory, insight(), turn("t1"))
    names = ["PRICING-SERVICE", "Pricing-Service", "pricing-service"]
    assert await copy.edges() == [(TITLE, name) for name in names]


async def test_labels_and_names_are_those_of_the_mapping(
    copy: Copy, copy_settings: Settings
) -> None:
    await copy.hold(("AWSECSService", "pricing-service"), ("RDS", "pricing-db"), name="title")
    await copy.run("CREATE (:Service {title: 'pricing-service', name: 'pricing-service'})")
    mapping = GraphMapping(service="AWSECSService", database="RDS", name="title")
    async with copying(copy_settings, graph_mapping=mapping) as (memory, _):
        await learn(memory, insight(components=["pricing-service", "pricing-db"]), turn("t1"))
    assert await copy.edges("title") == [(TITLE, "pricing-db"), (TITLE, "pricing-service")]
    about = await copy.run("MATCH (:Insight)-[:ABOUT]->(c) RETURN labels(c)[0] AS label")
    assert sorted(row["label"] for row in about) == ["AWSECSService", "RDS"]


async def test_text_is_data(copy: Copy, copy_settings: Settings) -> None:
    await copy.hold(*ESTATE, ("Service", HOSTILE))
    async with copying(copy_settings) as (memory, _):
        said: dict[str, Any] = {
            "title": f"Pool: {HOSTILE}",
            "finding": f"Five connections: {HOSTILE}",
            "recommendation": HOSTILE,
            "components": [HOSTILE, "pricing-service"],
        }
        await learn(memory, insight(**said), turn("t1"))
    [node] = await copy.insights()
    assert {name: node[name] for name in ("title", "finding", "recommendation")} == {
        name: said[name] for name in ("title", "finding", "recommendation")
    }
    assert await copy.edges() == sorted((node["title"], name) for name in said["components"])
    services = await copy.run("MATCH (s:Service) RETURN count(s) AS services")
    assert services == [{"services": 3}]


async def test_what_people_say_of_it_and_what_a_hint_was_worth_are_copied(
    copy: Copy, copy_settings: Settings
) -> None:
    await copy.hold(*ESTATE)
    async with copying(copy_settings) as (memory, _):
        await learn(memory, insight(), turn("t1"))
        key = await key_of(memory)
    async with copying(copy_settings) as (memory, _):
        await memory.learn("t2", {key: "refuted"}, "2026-11-24T10:05:00.000Z")
    assert [node["confidence"] for node in await copy.insights()] == [0.35]
    for status in ("acknowledged", "resolved", "retired"):
        async with copying(copy_settings) as (memory, _):
            marked: Any = status
            await memory.mark(key, marked, "ada")
        assert [node["status"] for node in await copy.insights()] == [status]


async def test_an_item_that_was_brought_in_takes_the_edges_of_the_one_it_replaces(
    copy: Copy, copy_settings: Settings
) -> None:
    await copy.hold(*ESTATE)
    async with copying(copy_settings) as (memory, _):
        await learn(memory, insight(), turn("t1"))
        [(place, held)] = (await memory.everything()).items()
    assert await copy.edges() == [(TITLE, "pricing-service")]
    # What somebody drew by hand to something else is left alone.
    await copy.run("MATCH (i:Insight), (h:Host) CREATE (i)-[:ABOUT]->(h)")
    held["components"] = ["pricing-db", "checkout-service"]
    async with copying(copy_settings) as (memory, _):
        await memory.put_back({place: held})
    about = ["checkout-service", "host-1", "pricing-db"]
    assert await copy.edges() == [(TITLE, name) for name in about]


async def test_findings_that_no_turn_made_are_copied_too(
    copy: Copy, copy_settings: Settings
) -> None:
    await copy.hold(*ESTATE)
    async with copying(copy_settings) as (memory, _):
        assert await memory.add(insight(), turn("import")) == (1, 0)
    assert await copy.edges() == [(TITLE, "pricing-service")]
