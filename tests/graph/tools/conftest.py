"""Readers of the lab's graph database, and how a tool on one is asked."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from graph.tools import toolset
from graph.tools.cypher import GraphReader, open_graph
from graph.tools.result import ToolResult
from lab.bolt import BoltServer
from tests.conftest import SCRATCH, MakeSettings


@pytest.fixture
async def shop(lab_settings: MakeSettings) -> AsyncIterator[GraphReader]:
    """A reader of the default incident's estate."""
    async with open_graph(lab_settings()) as reader:
        assert reader is not None
        yield reader


@pytest.fixture
async def scratch(shop: GraphReader, server: BoltServer) -> GraphReader:
    """A reader of an empty database."""
    await server.admin.execute_query("MATCH (n) DETACH DELETE n", database_=SCRATCH)
    return replace(shop, database=SCRATCH)


async def ask(reader: GraphReader, tool: str, **arguments: Any) -> ToolResult:
    """Ask one tool on that reader."""
    tools = {entry.name: entry for entry in toolset(reader).tools}
    return ToolResult.model_validate(await tools[tool].ainvoke(arguments))
