"""What the copy of memory in a graph database holds, for the tests of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from graph.memory import Memory
from graph.memory.projection import Projection, open_projection
from graph.settings import Settings
from graph.storage import open_storage
from lab.bolt import BoltServer

ESTATE = [
    ("Service", "pricing-service"),
    ("Service", "checkout-service"),
    ("Database", "pricing-db"),
    ("Host", "host-1"),
]


@dataclass(frozen=True)
class Copy:
    """One database, as its administrator sees it."""

    server: BoltServer
    database: str

    async def run(self, cypher: str, **parameters: Any) -> list[dict[str, Any]]:
        records, _, _ = await self.server.admin.execute_query(
            cypher, parameters, database_=self.database
        )
        return [record.data() for record in records]

    async def hold(self, *nodes: tuple[str, str], name: str = "name") -> None:
        """Hold these nodes, label and name, and nothing else."""
        await self.run("MATCH (n) DETACH DELETE n")
        for label, called in nodes:
            await self.run(f"CREATE (:{label} {{{name}: $called}})", called=called)

    async def insights(self) -> list[dict[str, Any]]:
        """The properties of each insight, the first by its title first."""
        rows = await self.run("MATCH (i:Insight) RETURN properties(i) AS i ORDER BY i.title")
        return [row["i"] for row in rows]

    async def edges(self, name: str = "name") -> list[tuple[str, str]]:
        """What is about what: a title and a name for each edge."""
        rows = await self.run(
            f"MATCH (i:Insight)-[:ABOUT]->(c) RETURN i.title AS title, c.{name} AS about"
        )
        return sorted((row["title"], row["about"]) for row in rows)


@asynccontextmanager
async def copying(
    settings: Settings, **instead: Any
) -> AsyncIterator[tuple[Memory, Projection | None]]:
    """A memory on those settings, and its projection; what is noted is copied at the end."""
    chosen = settings.model_copy(update=instead)
    async with (
        open_storage(chosen, alone=False) as storage,
        open_projection(chosen, storage) as projection,
    ):
        yield Memory(storage.store, storage.locks, project=projection), projection
