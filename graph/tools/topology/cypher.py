"""The reader of the graph database: one driver, reads only, bounded in time and rows."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from neo4j import (
    READ_ACCESS,
    AsyncDriver,
    AsyncGraphDatabase,
    AsyncResult,
    Query,
    RoutingControl,
)
from neo4j.exceptions import DriverError, Neo4jError
from neo4j.time import Date, DateTime, Duration, Time

from graph.errors import TopologyUnavailable
from graph.redaction import Redactor
from graph.settings import GraphMapping, Settings
from graph.tools.question import ReadFailed
from graph.tools.topology.rows import ROW_LIMIT, FirstRows

BATCH = 100
"""Rows that a streamed read has under way at most."""


@dataclass(frozen=True)
class GraphReader:
    """Runs read queries against the configured database."""

    driver: AsyncDriver
    database: str
    mapping: GraphMapping
    timeout_s: float
    redactor: Redactor = field(default_factory=Redactor)

    async def rows(self, query: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of a read query as JSON-able values, at most ROW_LIMIT + 1, without secrets.

        Dates, times and durations come as ISO 8601, points as lists, bytes as hexadecimal.
        Raises ReadFailed on any refusal, and when it takes longer than the timeout: the server
        is asked to stop by itself, and the client stops waiting in any case.
        """
        sent = {"limit": ROW_LIMIT + 1, **parameters}
        async with self._answered(f"{query} {sent}"):
            records, _, _ = await self.driver.execute_query(
                Query(query, timeout=self.timeout_s),
                parameters_=sent,
                routing_=RoutingControl.READ,
                database_=self.database,
            )
        rows = [_plain(record.data()) for record in records]
        # Here the names of the properties are still known; in a thread, for it takes its time.
        redacted: list[dict[str, Any]] = await asyncio.to_thread(self.redactor.value, rows)
        return redacted

    async def first_rows(self, query: str, row_limit: int, byte_limit: int) -> FirstRows:
        """The first rows of a query that somebody else wrote, as `rows` shapes them.

        They are streamed: what is beyond `row_limit` rows or `byte_limit` bytes of JSON is not
        read. One row is read whole, whatever its size. Raises ReadFailed as `rows` does, and when
        EXPLAIN says that the query does more than read.
        """
        async with self._answered(query):
            await self._refuse_unless_explained_as_reading(query)
            async with (
                self.driver.session(
                    database=self.database,
                    default_access_mode=READ_ACCESS,
                    fetch_size=min(row_limit + 1, BATCH),
                ) as session,
                # Without retries: to Neo4j, a query that took all its memory is worth another try.
                await session.begin_transaction(timeout=self.timeout_s) as transaction,
            ):
                first = await _streamed(await transaction.run(query), row_limit, byte_limit)
        if first.cut and not first.rows:
            raise ReadFailed(f"the first row alone has more than {byte_limit} bytes", query)
        return replace(first, rows=await asyncio.to_thread(self.redactor.value, first.rows))

    async def _refuse_unless_explained_as_reading(self, query: str) -> None:
        server = await self.driver.get_server_info()
        if "ArcadeDB" in server.agent:
            # There EXPLAIN runs what it explains, and calls every query a write.
            return
        _, summary, _ = await self.driver.execute_query(
            Query(f"EXPLAIN {query}", timeout=self.timeout_s),
            routing_=RoutingControl.READ,
            database_=self.database,
        )
        if summary.query_type != "r":
            kind = f"EXPLAIN calls it a query of type {summary.query_type!r}"
            raise ReadFailed(f"{kind}; only those that read ('r') are run", query)

    @asynccontextmanager
    async def _answered(self, asked: str) -> AsyncIterator[None]:
        """Within the timeout, and with every refusal as ReadFailed."""
        try:
            async with asyncio.timeout(self.timeout_s):
                yield
        except TimeoutError:
            raise ReadFailed(f"no answer in {self.timeout_s:g} s", asked) from None
        except (DriverError, Neo4jError) as error:
            raise ReadFailed(_words(error), asked) from error


@asynccontextmanager
async def open_graph(settings: Settings) -> AsyncIterator[GraphReader | None]:
    """The reader of NEO4J_URI, proved by a query; None when NEO4J_URI is not set.

    Raises TopologyUnavailable when it is set and does not answer.
    """
    uri = settings.neo4j_uri
    if uri is None:
        yield None
        return
    try:
        driver = AsyncGraphDatabase.driver(
            uri,
            auth=(settings.neo4j_user, settings.neo4j_password.get_secret_value()),
            user_agent="netforge",
            connection_timeout=5,
            connection_acquisition_timeout=10,
            max_connection_pool_size=50,
            max_connection_lifetime=1800,
            liveness_check_timeout=30,
            max_transaction_retry_time=5,
            notifications_min_severity="OFF",
            telemetry_disabled=True,
        )
    except (DriverError, ValueError) as error:
        raise _unavailable(uri, error) from error
    async with driver:
        reader = GraphReader(
            driver,
            settings.neo4j_database,
            settings.graph_mapping,
            # The tool's own limit must not come first: it knows less to say.
            settings.tool_timeout_s * 0.8,
            Redactor(settings.redact_emails),
        )
        try:
            await driver.verify_connectivity()
            await reader.rows("RETURN 1 AS one", {})
        except (DriverError, Neo4jError, ReadFailed) as error:
            raise _unavailable(uri, error) from error
        yield reader


async def _streamed(result: AsyncResult, row_limit: int, byte_limit: int) -> FirstRows:
    rows: list[dict[str, Any]] = []
    size, cut = 0, None
    async for record in result:
        row = _plain(record.data())
        size += len(json.dumps(row).encode())
        if size > byte_limit:
            cut = f"{byte_limit} bytes"
        elif len(rows) == row_limit:
            cut = f"{row_limit} rows"
        if cut:
            break
        rows.append(row)
    await result.consume()
    return FirstRows(list(result.keys()), rows, cut)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Date | Time | DateTime | Duration):
        return value.iso_format()
    if isinstance(value, bytes | bytearray):
        return value.hex()
    return value if isinstance(value, str | int | float | None) else str(value)


def _unavailable(uri: str, error: Exception) -> TopologyUnavailable:
    return TopologyUnavailable(
        f"NEO4J_URI={uri} does not answer: {_words(error)}; start it, correct NEO4J_URI, "
        "NEO4J_USER, NEO4J_PASSWORD and NEO4J_DATABASE, or unset NEO4J_URI to do without"
    )


def _words(error: Exception) -> str:
    """What the server or the driver says; the server's own words come with its code."""
    told = f"{error.code}: {error.message}" if isinstance(error, Neo4jError) else str(error)
    return " ".join(told.split())
