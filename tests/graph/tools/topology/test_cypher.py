"""The reader of the graph database: it cannot write, it does not wait, it says what is wrong."""

import asyncio
import socket
import time
import traceback
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from neo4j.exceptions import Forbidden

from graph.errors import TopologyUnavailable
from graph.settings import GraphMapping
from graph.tools import Sources, toolset
from graph.tools.question import ReadFailed
from graph.tools.topology.cypher import GraphReader, open_graph
from graph.tools.topology.rows import ROW_LIMIT
from lab.bolt import BoltServer
from tests.conftest import SCRATCH, MakeSettings

ENDLESS = "UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b WITH a WHERE a < 0 RETURN a"
WRITES = [
    "CREATE (:Service {name: 'b'})",
    "CREATE (:Intruder)",
    "CREATE INDEX intruder FOR (s:Service) ON (s.owner)",
    "MERGE (:Service {name: 'b'})",
    "MATCH (s:Service) SET s.name = 'b'",
    "MATCH (s:Service) REMOVE s.name",
    "MATCH (s:Service) DELETE s",
    "MATCH (s:Service) DETACH DELETE s",
]
EXISTING_GRAPH = GraphMapping(
    service="ECSService",
    database="RDSInstance",
    host="EC2",
    team="Squad",
    deployment="Release",
    calls="INVOKES",
    uses="READS",
    runs_on="PLACED_ON",
    owned_by="BELONGS_TO",
    had_deployment="SHIPPED",
    name="id",
)


async def everything(server: BoltServer) -> list[dict[str, Any]]:
    records, _, _ = await server.admin.execute_query(
        "MATCH (n) RETURN labels(n) AS labels, properties(n) AS properties", database_=SCRATCH
    )
    return [record.data() for record in records]


@pytest.mark.parametrize("write", WRITES)
async def test_the_account_of_the_reader_may_not_write(
    scratch: GraphReader, server: BoltServer, write: str
) -> None:
    await server.admin.execute_query("CREATE (:Service {name: 'a'})", database_=SCRATCH)
    before = await everything(server)
    with pytest.raises(Forbidden):
        await scratch.driver.execute_query(write, database_=SCRATCH)
    with pytest.raises(ReadFailed, match="Forbidden"):
        await scratch.rows(write, {})
    assert await everything(server) == before


async def test_rows_are_values_by_name(scratch: GraphReader) -> None:
    rows = await scratch.rows("UNWIND [1, 2] AS n RETURN n, [n] AS l, {n: n} AS m, null AS z", {})
    assert rows == [{"n": n, "l": [n], "m": {"n": n}, "z": None} for n in (1, 2)]


@pytest.mark.parametrize(
    "value", ["' RETURN 1 //", '"', "$x", "`", "价格", "a\nb", ["a"], None, 0.5]
)
async def test_a_parameter_comes_back_as_it_was_sent(scratch: GraphReader, value: Any) -> None:
    assert await scratch.rows("RETURN $value AS value", {"value": value}) == [{"value": value}]


async def test_the_limit_of_rows_is_sent_with_every_query(scratch: GraphReader) -> None:
    rows = await scratch.rows("UNWIND range(1, 5000) AS n RETURN n LIMIT $limit", {})
    assert len(rows) == ROW_LIMIT + 1


async def test_a_refusal_holds_the_words_of_the_server_and_the_query_with_its_parameters(
    scratch: GraphReader,
) -> None:
    with pytest.raises(ReadFailed, match=r"Neo\.ClientError\.Statement\.SyntaxError") as refused:
        await scratch.rows("RETRUN $name", {"name": "cart-service"})
    assert "mismatched input 'RETRUN'" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.query.startswith("RETRUN $name {")
    assert "'name': 'cart-service'" in refused.value.query


async def test_the_time_limit_ends_a_query_and_the_next_one_is_answered(
    scratch: GraphReader,
) -> None:
    hasty = replace(scratch, timeout_s=0.3)
    started = time.monotonic()
    with pytest.raises(ReadFailed, match=r"^no answer in 0\.3 s$") as refused:
        await hasty.rows(ENDLESS, {})
    assert time.monotonic() - started < 4
    assert ENDLESS in refused.value.query
    assert await scratch.rows("RETURN 1 AS one", {}) == [{"one": 1}]


async def test_a_cancelled_query_does_not_harm_the_next_one(scratch: GraphReader) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await scratch.rows(ENDLESS, {})
    assert await scratch.rows("RETURN 1 AS one", {}) == [{"one": 1}]


async def test_queries_run_side_by_side(scratch: GraphReader) -> None:
    answers = await asyncio.gather(
        *(scratch.rows("RETURN $n AS n", {"n": number}) for number in range(60))
    )
    assert answers == [[{"n": number}] for number in range(60)]


async def test_a_missing_database_is_a_refusal(scratch: GraphReader) -> None:
    with pytest.raises(ReadFailed, match="database 'nowhere' is not allowed"):
        await replace(scratch, database="nowhere").rows("RETURN 1 AS one", {})


async def test_a_closed_reader_refuses(lab_settings: MakeSettings) -> None:
    async with open_graph(lab_settings()) as reader:
        assert reader is not None
    with pytest.raises(ReadFailed, match="closed"):
        await reader.rows("RETURN 1 AS one", {})


async def test_without_an_address_there_is_no_reader_and_the_reason_is_said(
    lab_settings: MakeSettings,
) -> None:
    async with open_graph(lab_settings(neo4j_uri=None)) as reader:
        assert reader is None
    assert not toolset(Sources(topology=reader)).tools
    assert toolset(Sources(topology=reader)).disabled["topology"] == "NEO4J_URI is not set"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"neo4j_database": "nowhere"}, "Access to database 'nowhere' is not allowed"),
        ({"neo4j_password": "wrong-but-secret"}, "Authentication failed"),
        ({"neo4j_password": ""}, "Neo.ClientError.Security.Unauthorized"),
        ({"neo4j_user": "nobody"}, "Authentication failed"),
    ],
)
async def test_wrong_credentials_or_database_end_the_start_without_telling_the_password(
    lab_settings: MakeSettings, server: BoltServer, overrides: dict[str, str], words: str
) -> None:
    with pytest.raises(TopologyUnavailable) as failed:
        async with open_graph(lab_settings(**overrides)):
            pass
    message = str(failed.value)
    assert message.startswith(f"NEO4J_URI={server.uri} does not answer: ")
    assert words in message
    assert "NEO4J_USER, NEO4J_PASSWORD and NEO4J_DATABASE" in message
    assert "\n" not in message
    trace = "".join(traceback.format_exception(failed.value))
    assert server.reader_password not in trace
    assert "wrong-but-secret" not in trace


async def test_an_address_where_nothing_listens_ends_the_start_at_once(
    lab_settings: MakeSettings,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"bolt://127.0.0.1:{taken.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(TopologyUnavailable, match=f"^NEO4J_URI={address} does not answer: C"):
            async with open_graph(lab_settings(neo4j_uri=address)):
                pass
        assert time.monotonic() - started < 5


async def test_an_address_that_does_not_speak_bolt_ends_the_start(
    lab_settings: MakeSettings,
) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as web:
        address = f"bolt://127.0.0.1:{web.sockets[0].getsockname()[1]}"
        with pytest.raises(TopologyUnavailable, match="looks like HTTP"):
            async with open_graph(lab_settings(neo4j_uri=address)):
                pass


@pytest.mark.parametrize(
    ("tool", "arguments", "shown"),
    [
        ("find_services", {}, ["api\tECSService\t-\tcore\t-", "main\tRDSInstance\t-\t-\t-"]),
        ("get_component", {"name": "api"}, ["team\tid\tcore", "host\tid\ti-1"]),
        (
            "get_topology",
            {"name": "api"},
            ["web\tINVOKES\tapi\t-\t12\t-\t-\t-\t-", "api\tREADS\tmain\t-\t3\t-\t-\t-\t-"],
        ),
        ("find_blast_radius", {"name": "main"}, ["api\t1\t-\tcore\t-", "web\t2\t-\t-\t-"]),
        ("list_changes", {}, ["\tneo4j\tapi\tdeployment\tv2\t"]),
    ],
)
async def test_a_mapping_reads_an_existing_graph(
    scratch: GraphReader,
    server: BoltServer,
    tool: str,
    arguments: dict[str, Any],
    shown: list[str],
) -> None:
    await server.admin.execute_query(
        "CREATE (:ECSService {id: 'web'})-[:INVOKES {p99_latency_ms: 12}]->"
        "(api:ECSService {id: 'api'})-[:READS {p99_latency_ms: 3}]->(:RDSInstance {id: 'main'}), "
        "(api)-[:BELONGS_TO]->(:Squad {id: 'core'}), (api)-[:PLACED_ON]->(:EC2 {id: 'i-1'}), "
        "(api)-[:SHIPPED]->(:Release {id: 'r-1', version: 'v2', deployed_at: $now})",
        {"now": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")},
        database_=SCRATCH,
    )
    mapped, unmapped = (
        {entry.name: entry for entry in toolset(Sources(topology=known)).tools}
        for known in (replace(scratch, mapping=EXISTING_GRAPH), scratch)
    )
    result = await mapped[tool].ainvoke(arguments)
    assert result.status == "ok"
    assert all(line in result.text for line in shown)
    assert (await unmapped[tool].ainvoke(arguments)).status == "no_data"
