"""The contract suite on a real Neo4j, and what only a real Neo4j can show.

The suite is all tests of test_topology.py and test_foreign_graph.py, of test_run_cypher.py those
on what a model's own query answers, shows and may not do, and all of the copy of memory in
tests/graph/memory/test_projection.py. They are collected a second time here, so that one process
has them all: a Community server has one database to share.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from neo4j import AsyncDriver

from graph.settings import Settings
from graph.tools.question import ReadFailed
from graph.tools.topology import cypher
from graph.tools.topology.cypher import GraphReader
from lab.bolt import BoltServer
from lab.incident import load
from tests.conftest import MakeSettings
from tests.graph.memory import test_projection as projection
from tests.graph.memory.copies import Copy
from tests.graph.tools.topology import neo4j_server
from tests.graph.tools.topology import test_foreign_graph as foreign_graph
from tests.graph.tools.topology import test_run_cypher as run_cypher
from tests.graph.tools.topology import test_topology as topology
from tests.graph.tools.topology.conftest import Fill
from tests.graph.tools.topology.neo4j_server import DATABASE, MARK, Address, NotOurs
from tests.graph.tools.topology.test_cypher import ENDLESS, WRITES

GIVEN = os.environ.get("NEO4J_TEST_URI") or None
if GIVEN is None and os.environ.get("CI") != "true" and (_reason := neo4j_server.missing()):
    pytest.skip(f"not checked on a real Neo4j: {_reason}", allow_module_level=True)

# A test has the usual time; fetching and starting the server have limits of their own.
pytestmark = pytest.mark.timeout(120, func_only=True)

OF_QUERIES = (
    run_cypher.test_a_useful_question_is_answered,
    run_cypher.test_the_columns_are_named_and_ordered_as_the_query_does,
    run_cypher.test_nodes_dates_and_ways_come_as_json,
    run_cypher.test_a_secret_in_a_whole_node_is_not_shown,
    run_cypher.test_a_mistake_comes_back_in_the_words_of_the_server,
    run_cypher.test_every_trick_is_an_error_and_changes_nothing,
    run_cypher.test_two_million_rows_are_cut_at_the_limit_without_being_read,
    run_cypher.test_wide_rows_are_cut_at_the_limit_of_bytes,
)

for _name, _test in [
    *(entry for part in (topology, foreign_graph, projection) for entry in vars(part).items()),
    *((test.__name__, test) for test in OF_QUERIES),
]:
    if _name.startswith("test_"):
        assert _name not in globals(), f"{_name} would hide a test of the same name"
        globals()[_name] = _test


@pytest.fixture(scope="module")
def jars() -> Path | None:
    """The jars of Neo4j; None when there is a server already."""
    return None if GIVEN else neo4j_server.jars()


@pytest.fixture(scope="module")
async def address(jars: Path | None) -> AsyncIterator[Address]:
    if jars is None:
        yield Address.parse(GIVEN or "")
        return
    async with neo4j_server.serve(jars) as started:
        yield started


@pytest.fixture(scope="module")
async def server(address: Address) -> AsyncIterator[BoltServer]:
    async with address.driver() as admin, neo4j_server.claimed(admin):
        yield BoltServer(address.uri, address.password, admin)


@pytest.fixture
def lab_settings(lab_settings: MakeSettings, address: Address) -> MakeSettings:
    return partial(lab_settings, neo4j_user=address.user, neo4j_database=DATABASE)


@pytest.fixture
def scratch_database() -> str:
    return DATABASE


@pytest.fixture
async def shop(reader: GraphReader, server: BoltServer) -> GraphReader:
    """A reader of the default incident's estate, loaded anew: other tests empty the database."""
    await server.load(load("bad-deploy").topology, DATABASE)
    return reader


@pytest.fixture
def copy(server: BoltServer) -> Copy:
    return Copy(server, DATABASE)


@pytest.fixture
def copy_settings(lab_settings: MakeSettings, address: Address) -> Settings:
    return lab_settings(memory_neo4j_user=address.user, memory_neo4j_password=address.password)


async def count(driver: AsyncDriver) -> int:
    records, _, _ = await driver.execute_query(
        "MATCH (n) RETURN count(n) AS nodes", database_=DATABASE
    )
    return int(records[0]["nodes"])


@pytest.mark.parametrize("change", WRITES)
async def test_the_mode_of_the_reader_is_what_refuses_a_write(
    scratch: GraphReader, fill: Fill, change: str
) -> None:
    await fill("CREATE (:Service {name: 'a'})")
    with pytest.raises(ReadFailed, match=r"^Neo\.ClientError\.Statement\.AccessMode: "):
        await scratch.rows(change, {})
    assert await scratch.rows("MATCH (n) RETURN n.name AS name", {}) == [{"name": "a"}]
    # The account itself may write, so no right that it lacks has refused.
    await scratch.driver.execute_query("CREATE (:Service)", database_=DATABASE)
    assert await count(scratch.driver) == 2


async def test_the_server_is_told_the_time_limit_and_keeps_it(
    scratch: GraphReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = SimpleNamespace(timeout=lambda _: nullcontext(), to_thread=asyncio.to_thread)
    monkeypatch.setattr(cypher, "asyncio", patient)
    # Sooner than after the 30 s that the server has of its own.
    async with asyncio.timeout(10):
        with pytest.raises(ReadFailed, match=r"^Neo\.ClientError\.Transaction\.TransactionTimed"):
            await replace(scratch, timeout_s=0.5).rows(ENDLESS, {})


async def test_a_query_that_took_too_long_does_not_go_on_in_the_server(
    scratch: GraphReader, server: BoltServer
) -> None:
    with pytest.raises(ReadFailed, match=r"^no answer in 0\.5 s$"):
        await replace(scratch, timeout_s=0.5).rows(ENDLESS, {})
    async with asyncio.timeout(10):
        while await running(server.admin, ENDLESS):
            pass


async def running(driver: AsyncDriver, query: str) -> bool:
    records, _, _ = await driver.execute_query(
        "SHOW TRANSACTIONS YIELD currentQuery AS query", database_=DATABASE
    )
    return query in [record["query"] for record in records]


async def test_a_database_with_nodes_of_others_is_left_as_it_is(
    scratch: GraphReader, server: BoltServer, fill: Fill
) -> None:
    await fill(f"DROP INDEX {MARK}")
    try:
        await fill("CREATE (:Service {name: 'theirs'})")
        with pytest.raises(NotOurs, match=r"nodes that this suite did not make \(1\)"):
            async with neo4j_server.claimed(server.admin):
                pytest.fail("it was claimed")
        assert await count(scratch.driver) == 1
    finally:
        await fill("MATCH (n) DETACH DELETE n")
        await neo4j_server.claim(server.admin)


async def test_what_a_killed_run_left_behind_is_no_hindrance(
    server: BoltServer, fill: Fill
) -> None:
    await fill("CREATE (:Service {name: 'ours'})")
    await neo4j_server.claim(server.admin)
