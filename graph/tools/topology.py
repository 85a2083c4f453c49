"""Questions to the topology graph: who calls whom, who owns what, what was deployed.

Paths are walked level by level, one bounded query each, because a variable-length pattern
enumerates every path and a dense graph has far too many. Names of labels and relationships
come from the validated mapping in the settings; everything else is a parameter.
"""

import functools
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import Field

from graph.tools.cypher import ROW_LIMIT, GraphReader, ReadFailed
from graph.tools.result import ToolResult, table

SOURCE = "neo4j"
EDGE_COLUMNS = (
    "from",
    "relation",
    "to",
    "avg_latency_ms",
    "p99_latency_ms",
    "baseline_p99_latency_ms",
    "requests_per_min",
    "error_rate",
    "connections",
)
Depth = Annotated[int, Field(ge=1, le=6, description="Levels to walk")]
Ask = Callable[..., Awaitable[ToolResult]]
Name = Annotated[str, Field(min_length=1, max_length=200, description="Exact component name")]


def topology_tools(reader: GraphReader) -> list[BaseTool]:
    """The topology tools on that reader."""
    topology = _Topology(reader)
    questions: list[Ask] = [
        topology.find_services,
        topology.get_component,
        topology.get_topology,
        topology.find_blast_radius,
        topology.list_recent_deployments,
    ]
    return [
        StructuredTool.from_function(coroutine=_errors_as_results(question))
        for question in questions
    ]


def _errors_as_results(ask: Ask) -> Ask:
    """The question, answering with an error result where the database refuses it."""

    @functools.wraps(ask)
    async def answered(*args: Any, **kwargs: Any) -> ToolResult:
        try:
            return await ask(*args, **kwargs)
        except ReadFailed as error:
            return ToolResult(status="error", source=SOURCE, query=error.query, error=str(error))

    return answered


class _Topology:
    def __init__(self, reader: GraphReader) -> None:
        self._reader = reader
        names = reader.mapping
        self._name = names.name
        self._components = f"{names.service}|{names.database}"
        self._edges = f"{names.calls}|{names.uses}"

    async def find_services(
        self,
        query: Annotated[str, Field(description="Part of a name or team; empty for all")] = "",
        limit: Annotated[int, Field(ge=1, le=200)] = 50,
    ) -> ToolResult:
        """Find services and databases by a part of their name or of their team's name."""
        names = self._reader.mapping
        cypher = (
            f"MATCH (c:{self._components}) "
            f"OPTIONAL MATCH (c)-[:{names.owned_by}]->(t:{names.team}) "
            "WITH c, t "
            f"WHERE toLower(c.{self._name}) CONTAINS $query "
            f"OR toLower(coalesce(t.{self._name}, c.team, '')) CONTAINS $query "
            f"RETURN c.{self._name} AS name, labels(c)[0] AS kind, c.type AS type, "
            f"coalesce(t.{self._name}, c.team) AS team, c.criticality AS criticality "
            "ORDER BY name LIMIT $limit"
        )
        columns = ("name", "kind", "type", "team", "criticality")
        rows = await self._reader.rows(cypher, {"query": query.strip().lower()})
        return _table(f"services matching {query!r}", columns, rows, limit)

    async def get_component(self, name: Name) -> ToolResult:
        """Show one service, database or host: its properties, owning team and hosts."""
        names = self._reader.mapping
        question = f"component {name!r}"
        cypher = (
            f"MATCH (c:{self._components}|{names.host}) WHERE c.{self._name} = $name "
            f"OPTIONAL MATCH (c)-[:{names.owned_by}]->(t:{names.team}) "
            f"OPTIONAL MATCH (c)-[:{names.runs_on}]->(h:{names.host}) "
            "RETURN labels(c)[0] AS kind, properties(c) AS component, properties(t) AS team, "
            "collect(properties(h)) AS hosts LIMIT $limit"
        )
        rows = await self._reader.rows(cypher, {"name": name})
        if not rows:
            return await self._unknown(name)
        facts = [{"of": "component", "property": "kind", "value": rows[0]["kind"]}]
        facts += _facts("component", rows[0]["component"])
        facts += _facts("team", rows[0]["team"] or {})
        for host in rows[0]["hosts"]:
            facts += _facts("host", host)
        text = table(("of", "property", "value"), facts)
        return ToolResult(
            status="ok",
            source=SOURCE,
            query=question,
            matched=len(rows),
            returned=1,
            text=text,
            data=rows[0],
        )

    async def get_topology(
        self,
        name: Name,
        direction: Literal["dependencies", "dependents", "both"] = "both",
        depth: Depth = 2,
    ) -> ToolResult:
        """Show the calls around a component with their latencies and error rates.

        `dependencies` are what it calls, `dependents` what calls it, each to the given depth.
        """
        question = f"{direction} of {name!r} to depth {depth}"
        if not await self._exists(name):
            return await self._unknown(name)
        edges: list[dict[str, Any]] = []
        if direction != "dependents":
            edges += await self._walk(name, depth, downstream=True)
        if direction != "dependencies":
            edges += await self._walk(name, depth, downstream=False)
        return _table(question, EDGE_COLUMNS, edges, ROW_LIMIT)

    async def find_blast_radius(self, name: Name, depth: Depth = 4) -> ToolResult:
        """Find everything that depends on a component, directly or not, nearest first."""
        question = f"dependents of {name!r} to depth {depth}"
        if not await self._exists(name):
            return await self._unknown(name)
        edges = await self._walk(name, depth, downstream=False)
        affected: dict[str, dict[str, Any]] = {}
        for edge in edges:
            row = {
                "name": edge["from"],
                "distance": edge["level"],
                "type": edge["from_type"],
                "team": edge["from_team"],
                "criticality": edge["from_criticality"],
            }
            affected.setdefault(edge["from"], row)
        affected.pop(name, None)
        columns = ("name", "distance", "type", "team", "criticality")
        return _table(question, columns, list(affected.values()), ROW_LIMIT)

    async def list_recent_deployments(
        self,
        service: Annotated[str, Field(description="Exact name; empty for all services")] = "",
        window_hours: Annotated[int, Field(ge=1, le=720)] = 24,
        limit: Annotated[int, Field(ge=1, le=200)] = 50,
    ) -> ToolResult:
        """List deployments in the last hours, newest first."""
        names = self._reader.mapping
        since = datetime.now(UTC) - timedelta(hours=window_hours)
        since_text = since.isoformat(timespec="seconds").replace("+00:00", "Z")
        question = f"deployments of {service or 'all services'}"
        cypher = (
            f"MATCH (s:{names.service})-[:{names.had_deployment}]->(d:{names.deployment}) "
            f"WHERE d.deployed_at >= $since AND ($service = '' OR s.{self._name} = $service) "
            f"RETURN s.{self._name} AS service, d.id AS id, d.version AS version, "
            "d.deployed_at AS deployed_at, d.status AS status, d.deployed_by AS deployed_by, "
            "d.change AS change ORDER BY d.deployed_at DESC LIMIT $limit"
        )
        parameters = {"since": since_text, "service": service}
        rows = await self._reader.rows(cypher, parameters)
        columns = ("service", "id", "version", "deployed_at", "status", "deployed_by", "change")
        result = _table(question, columns, rows, limit)
        return result.model_copy(update={"window": f"{since_text}/now"})

    async def _exists(self, name: str) -> bool:
        cypher = f"MATCH (c:{self._components}) WHERE c.{self._name} = $name RETURN 1 LIMIT $limit"
        return bool(await self._reader.rows(cypher, {"name": name}))

    async def _unknown(self, name: str) -> ToolResult:
        known = await self.find_services(query=name.split("-")[0], limit=10)
        found = [row["name"] for row in known.data]
        near = f"names like it: {', '.join(found)}" if found else "no name is like it"
        return ToolResult(
            status="no_data",
            source=SOURCE,
            query=f"component {name!r}",
            text=f"no component is named {name!r}; {near}",
        )

    async def _walk(self, name: str, depth: int, *, downstream: bool) -> list[dict[str, Any]]:
        """The edges met level by level from `name`, each once, at most ROW_LIMIT and one."""
        seen, frontier = {name}, [name]
        edges: list[dict[str, Any]] = []
        for level in range(1, depth + 1):
            found = await self._level(frontier, downstream=downstream)
            edges += [{**row, "level": level} for row in found]
            reached = {row["to"] if downstream else row["from"] for row in found}
            frontier = sorted(reached - seen)
            seen |= reached
            if not frontier or len(edges) > ROW_LIMIT:
                break
        return edges

    async def _level(self, frontier: list[str], *, downstream: bool) -> list[dict[str, Any]]:
        here = "a" if downstream else "b"
        cypher = (
            f"MATCH (a:{self._components})-[r:{self._edges}]->(b:{self._components}) "
            f"WHERE {here}.{self._name} IN $frontier "
            f"RETURN a.{self._name} AS `from`, type(r) AS relation, b.{self._name} AS `to`, "
            "a.type AS from_type, a.team AS from_team, a.criticality AS from_criticality, "
            "r.avg_latency_ms AS avg_latency_ms, r.p99_latency_ms AS p99_latency_ms, "
            "r.baseline_p99_latency_ms AS baseline_p99_latency_ms, "
            "r.requests_per_min AS requests_per_min, r.error_rate AS error_rate, "
            "r.connections AS connections ORDER BY `from`, `to` LIMIT $limit"
        )
        return await self._reader.rows(cypher, {"frontier": frontier})


def _facts(subject: str, properties: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"of": subject, "property": name, "value": value}
        for name, value in sorted(properties.items())
    ]


def _table(
    question: str, columns: Sequence[str], rows: list[dict[str, Any]], limit: int
) -> ToolResult:
    kept = rows[:limit]
    text = table(columns, kept)
    if len(rows) > limit:
        text += f"\n[{len(rows) - limit} or more further rows; ask for a narrower part]"
    return ToolResult(
        status="ok" if kept else "no_data",
        source=SOURCE,
        query=question,
        matched=len(rows),
        returned=len(kept),
        text=text if kept else "",
        data=kept,
    )
