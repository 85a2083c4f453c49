"""A one-way copy of insights in the graph database, for people who look there: opt-in.

Insights become `(:Insight {id})-[:ABOUT]->(:Service)`, with credentials of their own that may
write; nothing is ever read back. Who changes memory only says which items changed. They are copied
beside that, as memory holds them then: nobody waits for the graph database, and whatever comes
first, the last copy is what memory holds. The same items again change nothing there.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from neo4j import AsyncDriver, AsyncGraphDatabase, Query
from neo4j.exceptions import DriverError, Neo4jError

from graph.errors import NetForgeError
from graph.memory.item import Item, name_of, text_of
from graph.memory.shelf import Place, Shelf
from graph.receipts import LOCK_WAIT_S
from graph.settings import GraphMapping, MemorySettings
from graph.storage import STORAGE_ERRORS, Storage, in_one_line
from graph.untrusted import printable

logger = logging.getLogger(__name__)

LIMIT_S = 10.0
"""One write there, and at the end the wait for what is not copied yet."""
CONNECT_LIMIT_S = 5.0
BATCH = 100
"""Insights in one write."""
SAID_LIMIT = 300
"""Characters of what a database says."""
REMEDY = "`python -m graph.memory copy` copies all of them when that is mended"


class NotCopied(NetForgeError):
    """Insights could not be copied to the graph database; says why."""


class _Refused(Exception):
    """The database does not answer, or says no; the message is what it says."""


_FAILURES: tuple[type[Exception], ...] = (_Refused, *STORAGE_ERRORS)


@asynccontextmanager
async def open_writer(settings: MemorySettings) -> AsyncIterator[AsyncDriver]:
    """A driver of NEO4J_URI that logs in as MEMORY_NEO4J_USER; it connects at its first use."""
    uri, user = settings.neo4j_uri, settings.memory_neo4j_user
    assert uri is not None, "the settings are whole"
    assert user is not None, "asked for where there is one"
    async with AsyncGraphDatabase.driver(
        uri,
        auth=(user, settings.memory_neo4j_password.get_secret_value()),
        connection_timeout=CONNECT_LIMIT_S,
        connection_acquisition_timeout=CONNECT_LIMIT_S,
        max_transaction_retry_time=LIMIT_S,
        max_connection_pool_size=2,
        liveness_check_timeout=30,
        notifications_min_severity="OFF",
        telemetry_disabled=True,
        user_agent="netforge-memory",
    ) as driver:
        yield driver


@asynccontextmanager
async def open_projection(
    settings: MemorySettings, storage: Storage
) -> AsyncIterator["Projection | None"]:
    """The projection of that memory; None when MEMORY_NEO4J_USER is not set.

    At the end it waits for what is not copied yet, LIMIT_S at most.
    """
    if settings.memory_neo4j_user is None:
        yield None
        return
    async with open_writer(settings) as driver:
        projection = Projection(driver, settings, storage)
        looking = asyncio.create_task(projection.say_when_it_cannot())
        copying = asyncio.create_task(projection.keep_up())
        try:
            yield projection
        finally:
            projection.end()
            looking.cancel()
            await asyncio.wait({looking})
            try:
                await asyncio.wait_for(copying, LIMIT_S)
            except TimeoutError:
                logger.warning("not all insights were copied before the end; %s", REMEDY)


class Projection:
    """Copies insights of one memory to one database."""

    def __init__(self, driver: AsyncDriver, settings: MemorySettings, storage: Storage) -> None:
        self._driver = driver
        self._uri = settings.neo4j_uri
        self._database = settings.neo4j_database
        self._cypher = cypher(settings.graph_mapping)
        self._shelf = Shelf(storage.store)
        self._locks = storage.locks
        self._waiting: set[str] = set()
        self._told = asyncio.Event()
        self._is_ending = False

    def __call__(self, places: Iterable[Place]) -> None:
        """Take note that these items changed. What fails later is logged, and changes nothing."""
        self._waiting.update(key for kind, key in places if kind == "insights")
        self._told.set()

    async def copy(self, keys: Sequence[str]) -> int:
        """Copy the insights of these keys as they are now; how many. Raises NotCopied."""
        copied = 0
        for start in range(0, len(keys), BATCH):
            places: list[Place] = [("insights", key) for key in keys[start : start + BATCH]]
            try:
                # Two processes would make a node twice, or leave what the first of them read.
                async with self._locks.held("memory-copy", LOCK_WAIT_S):
                    items = await self._shelf.some(places)
                    await self._write({key: item for (_, key), item in items.items()})
            except _FAILURES as error:
                raise NotCopied(
                    f"{len(keys) - copied} insights were not copied to {self._uri}: "
                    f"{in_one_line(error)}; {REMEDY}"
                ) from error
            copied += len(items)
        return copied

    async def keep_up(self) -> None:
        """Copy what is noted, until the end was said and nothing waits."""
        while self._waiting or not self._is_ending:
            keys = sorted(self._waiting)[:BATCH]
            self._waiting.difference_update(keys)
            if not keys:
                await self._told.wait()
                self._told.clear()
                continue
            try:
                await self.copy(keys)
            except NotCopied as error:
                logger.warning("%s", error)

    def end(self) -> None:
        """Let `keep_up` end once nothing waits."""
        self._is_ending = True
        self._told.set()

    async def say_when_it_cannot(self) -> None:
        """Log in: a wrong password is said at the start, not when something was learned."""
        try:
            async with _answered():
                await self._driver.verify_connectivity()
        except _Refused as error:
            logger.warning(
                "insights cannot be copied to %s: %s; correct MEMORY_NEO4J_USER and "
                "MEMORY_NEO4J_PASSWORD, or unset both to do without",
                self._uri,
                error,
            )

    async def _write(self, items: Mapping[str, Item]) -> None:
        insights = [_node(key, item) for key, item in items.items()]
        async with _answered():
            await self._driver.execute_query(
                Query(self._cypher, timeout=LIMIT_S),
                parameters_={"insights": insights},
                database_=self._database,
            )


def cypher(names: GraphMapping) -> str:
    """Brings nodes and edges up to date with `$insights`."""
    components = f"{names.service}|{names.database}"
    is_named = f"toLower(toStringOrNull(c.{names.name})) IN insight.components"
    return (
        "UNWIND $insights AS insight "
        "MERGE (i:Insight {id: insight.id}) SET i += insight.known "
        "WITH i, insight "
        f"OPTIONAL MATCH (i)-[gone:ABOUT]->(c:{components}) WHERE NOT {is_named} DELETE gone "
        "WITH DISTINCT i, insight "
        f"MATCH (c:{components}) WHERE {is_named} MERGE (i)-[:ABOUT]->(c)"
    )


def said(error: Neo4jError | DriverError) -> str:
    """What the database or the driver says, on one line."""
    told = f"{error.code}: {error.message}" if isinstance(error, Neo4jError) else str(error)
    return " ".join(printable(told).split())[:SAID_LIMIT] or type(error).__name__


@asynccontextmanager
async def _answered() -> AsyncIterator[None]:
    """Within LIMIT_S, and with every refusal as _Refused."""
    try:
        async with asyncio.timeout(LIMIT_S):
            yield
    except TimeoutError:
        raise _Refused(f"no answer in {LIMIT_S:g} s") from None
    except (Neo4jError, DriverError) as error:
        raise _Refused(said(error)) from error


def _node(key: str, item: Item) -> dict[str, Any]:
    return {
        "id": key,
        "components": [name.lower() for name in item["components"]],
        "known": {
            "title": name_of(item),
            "finding": text_of(item),
            "category": item.get("category", ""),
            "severity": item.get("severity", ""),
            "recommendation": item["recommendation"],
            "status": item["status"],
            "confidence": item["confidence"],
            "occurrences": item["occurrences"],
            "last_confirmed": item["last_confirmed"],
            "turn_id": item["provenance"]["turn_id"],
            "written_by": item["tag"],
        },
    }
