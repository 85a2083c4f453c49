"""Readers of a graph database, and how a tool on one is asked.

A test that takes `shop`, `scratch` and `fill` alone runs on any server: test_on_neo4j.py puts
its own behind them. There `shop` and `scratch` are one database, so no test takes both.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from graph.tools import Sources, toolset
from graph.tools.result import ToolResult
from graph.tools.topology.cypher import GraphReader, open_graph
from lab.bolt import BoltServer
from tests.conftest import SCRATCH, MakeSettings

Fill = Callable[..., Awaitable[None]]


@pytest.fixture
async def reader(lab_settings: MakeSettings) -> AsyncIterator[GraphReader]:
    """A reader of whatever the configured database holds."""
    async with open_graph(lab_settings()) as opened:
        assert opened is not None
        yield opened


@pytest.fixture
def shop(reader: GraphReader) -> GraphReader:
    """A reader of the default incident's estate."""
    return reader


@pytest.fixture
def scratch_database() -> str:
    """The database that a test may fill as it likes."""
    return SCRATCH


@pytest.fixture
def fill(server: BoltServer, scratch_database: str) -> Fill:
    """Runs Cypher in that database as its administrator; keyword arguments are its parameters."""

    async def run(cypher: str, **parameters: Any) -> None:
        await server.admin.execute_query(cypher, parameters, database_=scratch_database)

    return run


@pytest.fixture
async def scratch(reader: GraphReader, fill: Fill, scratch_database: str) -> GraphReader:
    """A reader of that database, emptied."""
    await fill("MATCH (n) DETACH DELETE n")
    return replace(reader, database=scratch_database)


async def ask(reader: GraphReader, tool: str, **arguments: Any) -> ToolResult:
    """Ask one tool on that reader."""
    tools = {entry.name: entry for entry in toolset(Sources(topology=reader)).tools}
    return ToolResult.model_validate(await tools[tool].ainvoke(arguments))
