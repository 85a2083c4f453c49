"""The model's own Cypher: useful questions are answered, and no layer lets a write through."""

import asyncio
import json
import re
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from langchain_core.tools import BaseTool
from neo4j import AsyncGraphDatabase
from pydantic import ValidationError

from graph.settings import GraphMapping
from graph.tools.question import ReadFailed
from graph.tools.result import ToolResult
from graph.tools.topology.cypher import GraphReader
from graph.tools.topology.run_cypher import BYTE_LIMIT, run_cypher_tool
from lab.bolt import READER, BoltServer
from tests.graph.tools.topology.conftest import Fill
from tests.graph.tools.topology.foreign_queries import BYPASSES, USEFUL

ROWS_2M = "UNWIND range(1, 2000000) AS n RETURN n"
ENDLESS = (
    "UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b WITH a, b WHERE a < 0 RETURN a, b"
)


async def run(reader: GraphReader, query: str, **arguments: Any) -> ToolResult:
    answer = await run_cypher_tool(reader).ainvoke({"query": query, **arguments})
    return ToolResult.model_validate(answer)


async def nodes(reader: GraphReader) -> list[dict[str, Any]]:
    return await reader.rows(
        "MATCH (n) RETURN labels(n) AS labels, properties(n) AS properties", {}
    )


def in_any_order(row: list[Any]) -> list[Any]:
    return [sorted(value) if isinstance(value, list) else value for value in row]


@pytest.mark.parametrize(("query", "rows"), USEFUL.items())
async def test_a_useful_question_is_answered(
    shop: GraphReader, query: str, rows: list[list[Any]]
) -> None:
    result = await run(shop, query)
    assert (result.status, result.error, result.query) == ("ok", None, query)
    found = [list(row.values()) for row in result.data]
    if "ORDER BY" not in query:
        # A server may return rows, and collect values, in any order.
        found, rows = (sorted(map(in_any_order, some)) for some in (found, rows))
    assert found == rows


async def test_the_columns_are_named_and_ordered_as_the_query_does(shop: GraphReader) -> None:
    query = "MATCH (s:Service {name: 'tax-service'}) RETURN s.version AS z, s.type, s.nothing AS a"
    assert (await run(shop, query)).text == "z\ts.type\ta\nv1.2.0\tapi\t-"


async def test_nodes_dates_and_ways_come_as_json(scratch: GraphReader, fill: Fill) -> None:
    await fill("CREATE (:Service {name: 'a'})-[:CALLS {p99: 5}]->(:Service {name: 'b'})")
    result = await run(
        scratch, "MATCH p = (a)-[r]->(b) RETURN a, p, date('2026-11-24') AS day, r.p99 AS p99"
    )
    way = [{"name": "a"}, "CALLS", {"name": "b"}]
    assert result.data == [{"a": {"name": "a"}, "p": way, "day": "2026-11-24", "p99": 5}]


@pytest.mark.parametrize(
    "shown",
    [
        *("n AS x", "n {.*} AS x", "properties(n) AS x", "collect(n)[0] AS x"),
        *("nodes(p)[0] AS x", "{inner: n} AS x", "[properties(n), n] AS x", "head([n]) AS x"),
        *("p AS x", "coalesce(null, n) AS x", "[m IN nodes(p) | m {.*}] AS x"),
    ],
)
async def test_a_secret_in_a_whole_node_is_not_shown(
    scratch: GraphReader, fill: Fill, shown: str
) -> None:
    await fill("CREATE (:Service {name: 'a', password: 'hunter2hunter2'})-[:CALLS]->(:Service)")
    result = await run(scratch, f"MATCH p = (n)-[r]->() RETURN {shown}")
    assert (result.status, result.error) == ("ok", None)
    assert "hunter2" not in result.model_dump_json()
    assert "'password': '[redacted: by its name]'" in str(result.data)


async def test_no_row_is_no_data_and_says_what_the_graph_is_made_of(shop: GraphReader) -> None:
    result = await run(shop, "MATCH (s:Servce) RETURN s.name")
    assert (result.status, result.error, result.matched, result.data) == ("no_data", None, 0, [])
    assert result.text.startswith("no row; The graph: (:Service)-[:CALLS|USES]->")


def test_the_description_names_what_the_mapping_names(shop: GraphReader) -> None:
    mapping = GraphMapping(service="ECSService", calls="INVOKES", name="id")
    tool: BaseTool = run_cypher_tool(replace(shop, mapping=mapping))
    assert "(:ECSService)-[:INVOKES|USES]->(:ECSService|Database)" in tool.description
    assert "named by the property `id`" in tool.description


async def test_a_mistake_comes_back_in_the_words_of_the_server(shop: GraphReader) -> None:
    result = await run(shop, "MATCH (s:Service RETURN s)")
    assert (result.status, result.query) == ("error", "MATCH (s:Service RETURN s)")
    assert re.match(r"Neo\.ClientError\.Statement\.SyntaxError: ", result.error or "")


async def test_every_trick_is_an_error_and_changes_nothing(
    scratch: GraphReader, fill: Fill
) -> None:
    await fill("CREATE (:Service {name: 'a'})-[:CALLS]->(:Service {name: 'b'})")
    before = await nodes(scratch)
    for name, (query, _) in BYPASSES.items():
        result = await run(scratch, query)
        assert (name, result.status, result.source, result.query) == (name, "error", "neo4j", query)
        assert (result.error or "").startswith("not run: ")
    assert await nodes(scratch) == before


@pytest.mark.parametrize(
    "write_of_a_model",
    [
        "CREATE (:Service {name: 'b'})",
        "MATCH (s:Service) SET s.name = 'b'",
        "MATCH (s:Service) DETACH DELETE s",
        "MATCH (s:Service) CALL { CREATE (:Service) } RETURN s",
        "EXPLAIN CREATE INDEX intruder FOR (s:Service) ON (s.owner)",
        "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line",
    ],
)
async def test_without_the_guard_the_rights_of_the_account_refuse_a_write(
    scratch: GraphReader, fill: Fill, write_of_a_model: str
) -> None:
    await fill("CREATE (:Service {name: 'a'})")
    before = await nodes(scratch)
    with pytest.raises(ReadFailed, match="Forbidden"):
        await scratch.first_rows(write_of_a_model, 10, BYTE_LIMIT)
    assert await nodes(scratch) == before


@dataclass
class Tap:
    """What a client said to a server, and what it is told instead of the server's own words."""

    port: int
    replaced: tuple[bytes, bytes] = (b"", b"")
    said: bytearray = field(default_factory=bytearray)

    async def connected(self, here: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        there, forth = await asyncio.open_connection("127.0.0.1", self.port)
        await asyncio.gather(self.listen(here, forth), self.tell(there, back))

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while heard := await reader.read(65536):
            self.said += heard
            writer.write(heard)
        writer.close()

    async def tell(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while heard := await reader.read(65536):
                writer.write(heard.replace(*self.replaced) if self.replaced[0] else heard)
        writer.close()


@asynccontextmanager
async def tapped(
    reader: GraphReader, server: BoltServer, *replaced: bytes
) -> AsyncIterator[tuple[GraphReader, bytearray]]:
    """The reader with its line tapped, and what is heard there."""
    tap = Tap(urlsplit(server.uri).port or 0)
    if replaced:
        tap.replaced = (replaced[0], replaced[1])
    async with (
        await asyncio.start_server(tap.connected, "127.0.0.1", 0) as between,
        AsyncGraphDatabase.driver(
            f"bolt://127.0.0.1:{between.sockets[0].getsockname()[1]}",
            auth=(READER, server.reader_password),
            max_transaction_retry_time=5,
        ) as driver,
    ):
        yield replace(reader, driver=driver), tap.said


BEGIN = b"\xb1\x11"
READ_MODE = b"\x84mode\x81r"


async def test_every_transaction_says_on_the_wire_that_it_only_reads(
    shop: GraphReader, server: BoltServer
) -> None:
    async with tapped(shop, server) as (reader, said):
        assert (await run(reader, "MATCH (s:Service) RETURN s.name LIMIT 1")).status == "ok"
        assert said.count(BEGIN) == said.count(READ_MODE) == 1
        assert await reader.rows("RETURN 1 AS one", {}) == [{"one": 1}]
        assert said.count(BEGIN) == said.count(READ_MODE) == 2


async def test_arcadedb_is_not_asked_to_explain_for_there_that_runs(
    shop: GraphReader, server: BoltServer
) -> None:
    async with tapped(shop, server) as (reader, said):
        assert (await run(reader, "MATCH (s:Service) RETURN s.name LIMIT 1")).status == "ok"
    assert b"MATCH (s:Service)" in said
    assert b"EXPLAIN" not in said


async def test_any_other_server_must_explain_the_query_as_a_read_before_it_is_run(
    shop: GraphReader, server: BoltServer
) -> None:
    # ArcadeDB under another name: what it says to EXPLAIN is that every query writes.
    async with tapped(shop, server, b"ArcadeDB", b"OtherOne") as (reader, said):
        result = await run(reader, "MATCH (s:Service) RETURN s.name LIMIT 1")
    assert result.status == "error"
    assert "EXPLAIN calls it a query of type 'w'; only those that read" in (result.error or "")
    assert said.count(b"MATCH (s:Service)") == said.count(b"EXPLAIN MATCH (s:Service)") == 1
    assert said.count(BEGIN) == said.count(READ_MODE) == 1


async def test_a_query_that_took_all_the_memory_of_the_server_is_not_run_again(
    shop: GraphReader, server: BoltServer
) -> None:
    told = (b"Neo.ClientError.Statement.SyntaxError", b"Neo.TransientError.General.OutOfMemor")
    async with tapped(shop, server, *told) as (reader, said):
        result = await run(reader, "MATCH (s:Service RETURN s)")
    assert (result.error or "").startswith("Neo.TransientError.General.OutOfMemor: ")
    assert said.count(BEGIN) == 1


async def test_a_huge_product_ends_at_the_time_limit_and_the_next_query_is_answered(
    shop: GraphReader,
) -> None:
    started = time.monotonic()
    result = await run(replace(shop, timeout_s=0.3), ENDLESS)
    assert time.monotonic() - started < 4
    assert (result.status, result.error) == ("error", "no answer in 0.3 s")
    assert (await run(shop, "RETURN 1 AS one")).data == [{"one": 1}]


async def test_two_million_rows_are_cut_at_the_limit_without_being_read(shop: GraphReader) -> None:
    started = time.monotonic()
    tracemalloc.start()
    try:
        result = await run(shop, ROWS_2M, limit=200)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.monotonic() - started < 10
    assert most < 10_000_000
    assert (result.status, result.matched, result.returned) == ("ok", 201, 200)
    assert result.text.startswith(
        "[first 200 rows, the limit is 200 rows; more were not read: "
        "aggregate, or ask for a narrower part]\nn\n1\n2\n"
    )


async def test_as_many_rows_as_the_limit_are_not_called_cut(shop: GraphReader) -> None:
    result = await run(shop, "UNWIND range(1, 7) AS n RETURN n", limit=7)
    assert (result.matched, result.returned) == (7, 7)
    assert "not read" not in result.text


async def test_wide_rows_are_cut_at_the_limit_of_bytes(shop: GraphReader) -> None:
    wide = f"UNWIND range(1, 500) AS n RETURN n, '{'x' * 1900}' AS wide"
    result = await run(shop, wide, limit=200)
    assert (
        result.returned
        == len(result.data)
        == BYTE_LIMIT // len(json.dumps({"n": 100, "wide": "x" * 1900}))
    )
    note = f"first {result.returned} rows, the limit is {BYTE_LIMIT} bytes; more were not read"
    assert f"[{note}" in result.text.splitlines()[0]


async def test_a_row_that_is_too_large_by_itself_is_an_error(shop: GraphReader) -> None:
    result = await run(shop, "RETURN range(1, 50000) AS all_of_them")
    assert (result.status, result.returned) == ("error", 0)
    assert result.error == f"the first row alone has more than {BYTE_LIMIT} bytes"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"query": ""}, "query"),
        ({"query": "RETURN 1", "limit": 0}, "limit"),
        ({"query": "RETURN 1", "limit": 201}, "limit"),
        ({"query": "RETURN 1", "parameters": {}}, "parameters"),
    ],
)
async def test_a_wrong_argument_is_refused_by_its_name(
    shop: GraphReader, arguments: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        await run_cypher_tool(shop).ainvoke(arguments)
    assert [problem["loc"] for problem in refused.value.errors()] == [(named,)]
