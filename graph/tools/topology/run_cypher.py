"""The optional tool with which a model asks the topology graph in Cypher of its own.

It is off unless RUN_CYPHER is set. What keeps it to reading: the guard on the words, EXPLAIN on
a Neo4j, the mode of the transaction, and the rights of the account; what keeps it small: the
timeout, and the limits of rows and bytes. The server's own limits of memory and time of a
transaction are what stops a single row that is larger than all of that.
"""

from typing import TYPE_CHECKING, Annotated

from langchain_core.tools import BaseTool
from pydantic import Field

from graph.settings import GraphMapping
from graph.tools.question import ReadFailed, tools_on
from graph.tools.result import ToolResult, table
from graph.tools.topology.cypher_guard import NotAllowed, refuse_unless_reading
from graph.tools.topology.rows import SOURCE, FirstRows

if TYPE_CHECKING:
    from graph.tools.topology.cypher import GraphReader

BYTE_LIMIT = 200_000
"""Bytes of JSON that the rows of one answer may have."""


def run_cypher_tool(reader: "GraphReader") -> BaseTool:
    """The tool on that reader; its description names what the graph is made of."""
    [tool] = tools_on(SOURCE, [_Console(reader).run_cypher])
    tool.description = f"{tool.description}\n\n{_made_of(reader.mapping)}"
    return tool


class _Console:
    def __init__(self, reader: "GraphReader") -> None:
        self._reader = reader

    async def run_cypher(
        self,
        query: Annotated[
            str,
            Field(
                min_length=1,
                description="One Cypher statement that only reads, without parameters and `;`",
            ),
        ],
        limit: Annotated[int, Field(ge=1, le=200, description="Rows to read at most")] = 100,
    ) -> ToolResult:
        """Ask the topology graph in Cypher what no other tool answers.

        Reading clauses and plain functions only: no CALL, no APOC, no `=~`, no path without an
        upper bound of 6, no property whose name is a secret's. Return single properties rather than
        whole nodes, and aggregate.
        """
        try:
            refuse_unless_reading(query)
        except NotAllowed as refused:
            raise ReadFailed(f"not run: {refused}", query) from None
        first = await self._reader.first_rows(query, limit, BYTE_LIMIT)
        return ToolResult(
            status="ok" if first.rows else "no_data",
            source=SOURCE,
            query=query,
            matched=len(first.rows) + (first.cut is not None),
            returned=len(first.rows),
            text=_text(first) if first.rows else f"no row; {_made_of(self._reader.mapping)}",
            data=first.rows,
        )


def _text(first: FirstRows) -> str:
    text = table(first.columns, first.rows)
    if first.cut is None:
        return text
    note = f"first {len(first.rows)} rows, the limit is {first.cut}; more were not read"
    # Before the table, because a text that is too long is cut at its end.
    return f"[{note}: aggregate, or ask for a narrower part]\n{text}"


def _made_of(names: GraphMapping) -> str:
    """The labels and relationships that the mapping knows; there may be others."""
    components = f"{names.service}|{names.database}"
    return (
        f"The graph: (:{names.service})-[:{names.calls}|{names.uses}]->(:{components}), "
        f"(:{components})-[:{names.runs_on}]->(:{names.host}), "
        f"(:{components})-[:{names.owned_by}]->(:{names.team}), "
        f"(:{names.service})-[:{names.had_deployment}]->(:{names.deployment}); "
        f"named by the property `{names.name}`; for the others, "
        f"MATCH (s:{names.service}) RETURN properties(s) LIMIT 1"
    )
