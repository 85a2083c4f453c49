"""A one-way copy of memory in the graph database, for people who look there: opt-in.

Insights become `(:Insight {id})-[:ABOUT]->(:Service)`, with credentials of their own that may
write; nothing is ever read back from it. The same items again change nothing there.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from neo4j import AsyncDriver, AsyncGraphDatabase, Query
from neo4j.exceptions import DriverError, Neo4jError

from graph.memory.item import Item, name_of, text_of
from graph.memory.keeper import Project
from graph.memory.shelf import Place
from graph.settings import Settings

logger = logging.getLogger(__name__)

LIMIT_S = 10.0
CONNECT_LIMIT_S = 5.0


@asynccontextmanager
async def open_projection(settings: Settings) -> AsyncIterator[Project | None]:
    """The projection with its own driver, closed at the end; None when it is not configured."""
    if settings.memory_neo4j_user is None or settings.neo4j_uri is None:
        yield None
        return
    password = settings.memory_neo4j_password.get_secret_value()
    async with AsyncGraphDatabase.driver(
        settings.neo4j_uri,
        auth=(settings.memory_neo4j_user, password),
        connection_timeout=CONNECT_LIMIT_S,
        connection_acquisition_timeout=CONNECT_LIMIT_S,
        max_transaction_retry_time=LIMIT_S,
        max_connection_pool_size=2,
        telemetry_disabled=True,
        user_agent="netforge-memory",
    ) as driver:
        yield Projection(driver, settings)


class Projection:
    """Writes to one database."""

    def __init__(self, driver: AsyncDriver, settings: Settings) -> None:
        self._driver = driver
        self._database = settings.neo4j_database
        names = settings.graph_mapping
        self._cypher = (
            "UNWIND $insights AS insight "
            "MERGE (i:Insight {id: insight.id}) SET i += insight.known "
            f"WITH i, insight MATCH (c:{names.service}|{names.database}) "
            f"WHERE toLower(c.{names.name}) IN insight.components MERGE (i)-[:ABOUT]->(c)"
        )

    async def __call__(self, items: Mapping[Place, Item]) -> None:
        """Copy the insights among them."""
        insights = [
            {
                "id": key,
                "components": [name.lower() for name in item["components"]],
                "known": {
                    "title": name_of(item),
                    "finding": text_of(item),
                    "status": item["status"],
                    "confidence": item["confidence"],
                    "occurrences": item["occurrences"],
                    "last_confirmed": item["last_confirmed"],
                    "turn_id": item["provenance"]["turn_id"],
                    "written_by": item["tag"],
                },
            }
            for (kind, key), item in items.items()
            if kind == "insights"
        ]
        try:
            async with asyncio.timeout(LIMIT_S):
                await self._driver.execute_query(
                    Query(self._cypher, timeout=LIMIT_S),
                    parameters_={"insights": insights},
                    database_=self._database,
                )
        except (Neo4jError, DriverError, TimeoutError) as error:
            said = str(error) or type(error).__name__
            logger.warning("%d insights were not copied to the graph: %s", len(insights), said)
