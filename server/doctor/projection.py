"""Check of the copy of insights: that its user may write what the copy is made of."""

import asyncio
from uuid import uuid4

from neo4j import AsyncDriver
from neo4j.exceptions import AuthError, DriverError, Neo4jError, ServiceUnavailable

from graph.memory.projection import LIMIT_S, cypher, open_writer, said
from graph.settings import Settings
from server.doctor.check import Trouble

EDGE = "MATCH (i:Insight {id: $id}) CREATE (i)-[gone:ABOUT]->(i) DELETE gone"
WAIT_S = 2 * LIMIT_S
"""To connect, to write and to take back."""


async def writes(settings: Settings) -> str:
    """That an insight can be written there; it is taken back before anybody can see it."""
    try:
        async with asyncio.timeout(WAIT_S), open_writer(settings) as driver:
            await _try(driver, settings)
    except TimeoutError as error:
        raise Trouble(f"no answer in {WAIT_S:g} s", _remedy(error)) from None
    except (Neo4jError, DriverError) as error:
        raise Trouble(f"{settings.neo4j_uri}: {said(error)}", _remedy(error)) from error
    return f"{settings.memory_neo4j_user} may copy insights to {settings.neo4j_uri}"


async def _try(driver: AsyncDriver, settings: Settings) -> None:
    word = f"doctor-{uuid4()}"
    tried = {"id": word, "components": [word], "known": {"title": "doctor"}}
    async with (
        driver.session(database=settings.neo4j_database) as session,
        await session.begin_transaction(timeout=LIMIT_S) as transaction,
    ):
        for query, parameters in (
            (cypher(settings.graph_mapping), {"insights": [tried]}),
            (EDGE, {"id": word}),
        ):
            await (await transaction.run(query, parameters)).consume()
        await transaction.rollback()


def _remedy(error: Exception) -> str:
    if isinstance(error, AuthError):
        return "correct MEMORY_NEO4J_USER and MEMORY_NEO4J_PASSWORD"
    if isinstance(error, ServiceUnavailable | TimeoutError):
        return "start it, or correct NEO4J_URI"
    return "let MEMORY_NEO4J_USER write in NEO4J_DATABASE (docs/operating.md)"
