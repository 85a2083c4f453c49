"""Questions to the topology graph: who calls whom, who owns what, what runs where.

Names of labels and relationships come from the validated mapping in the settings; everything
else is a parameter.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from graph.tools.result import ToolResult, table
from graph.tools.topology.calls import EDGE_COLUMNS, Calls, shortest_way
from graph.tools.topology.rows import ROW_LIMIT, SOURCE

if TYPE_CHECKING:
    from graph.tools.topology.cypher import GraphReader

FOLLOWED = f"only the first {ROW_LIMIT} calls were followed"
NAMESAKES = 5
"""Components of one name that are shown."""
PARTS = 200
"""Hosts of one component, or components of one host, that are shown."""
Depth = Annotated[int, Field(ge=1, le=6, description="Levels to walk")]
Name = Annotated[str, Field(min_length=1, max_length=200, description="Exact component name")]


class Topology:
    """Asks the graph of one reader."""

    def __init__(self, reader: "GraphReader") -> None:
        self._reader = reader
        self._calls = Calls(reader)
        names = reader.mapping
        self._name = names.name
        self._components = f"{names.service}|{names.database}"
        kinds = [names.service, names.database, names.host]
        self._kind = f"head([label IN labels(c) WHERE label IN {kinds}])"

    async def find_services(
        self,
        query: Annotated[str, Field(description="Part of a name or team; empty for all")] = "",
        limit: Annotated[int, Field(ge=1, le=200)] = 50,
    ) -> ToolResult:
        """Find services and databases by a part of their name or of their team's name."""
        rows = await self._described(
            "toLower(name) CONTAINS $query "
            "OR any(team IN teams WHERE toLower(team) CONTAINS $query)",
            {"query": query.strip().lower()},
        )
        columns = ("name", "kind", "type", "team", "criticality")
        return _table(f"services matching {query!r}", columns, rows, limit)

    async def get_component(self, name: Name) -> ToolResult:
        """Show one service, database or host: its properties, its team, where or what it runs."""
        names = self._reader.mapping
        question = f"component {name!r}"
        cypher = (
            f"MATCH (c:{self._components}|{names.host}) WHERE c.{self._name} = $name "
            f"OPTIONAL MATCH (c)-[:{names.owned_by}]->(t:{names.team}) "
            f"OPTIONAL MATCH (c)-[:{names.runs_on}]->(h:{names.host}) "
            f"OPTIONAL MATCH (w:{self._components})-[:{names.runs_on}]->(c) "
            f"WITH c, t, h, w ORDER BY t.{self._name}, h.{self._name}, w.{self._name} "
            "WITH c, collect(DISTINCT properties(t)) AS teams, "
            "collect(DISTINCT properties(h)) AS hosts, "
            f"collect(DISTINCT toStringOrNull(w.{self._name})) AS runs "
            f"RETURN {self._kind} AS kind, properties(c) AS component, teams[..$parts] AS teams, "
            "hosts[..$parts] AS hosts, runs[..$parts] AS runs, "
            "size(hosts) AS host_count, size(runs) AS run_count LIMIT $limit"
        )
        rows = await self._reader.rows(cypher, {"name": name, "parts": PARTS})
        if not rows:
            return await self._unknown(name, "service, database or host")
        facts: list[dict[str, Any]] = []
        notes: list[str] = []
        for row in rows[:NAMESAKES]:
            notes += [
                f"[{row[count]} {what}, of which {PARTS} are shown]"
                for count, what in (("host_count", "hosts"), ("run_count", "components run here"))
                if row[count] > PARTS
            ]
            facts += _facts("component", {"kind": row["kind"], **row["component"]})
            for team in row["teams"]:
                facts += _facts("team", team)
            for host in row["hosts"]:
                facts += _facts("host", host)
            facts += [{"of": "runs here", "property": "name", "value": it} for it in row["runs"]]
        return ToolResult(
            status="ok",
            source=SOURCE,
            query=question,
            matched=len(rows),
            returned=len(rows[:NAMESAKES]),
            text="\n".join([*notes, table(("of", "property", "value"), facts)]),
            data=rows[:NAMESAKES],
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
        down, up = [], []
        if direction != "dependents":
            down = await self._calls.walk(name, depth, downstream=True)
        if direction != "dependencies":
            up = await self._calls.walk(name, depth, downstream=False)
        # On a cycle the two walks meet the same edges.
        seen = {(edge["from"], edge["relation"], edge["to"]) for edge in down}
        up = [edge for edge in up if (edge["from"], edge["relation"], edge["to"]) not in seen]
        return _table(question, EDGE_COLUMNS, [*down, *up], ROW_LIMIT)

    async def find_blast_radius(self, name: Name, depth: Depth = 4) -> ToolResult:
        """Find everything that depends on a component, directly or not, nearest first."""
        question = f"dependents of {name!r} to depth {depth}"
        if not await self._exists(name):
            return await self._unknown(name)
        edges = await self._calls.walk(name, depth, downstream=False)
        distance: dict[str, int] = {}
        for edge in edges:
            distance.setdefault(edge["from"], edge["level"])
        distance.pop(name, None)
        known = await self._described("name IN $names", {"names": list(distance)})
        rows = [{**row, "distance": distance[row["name"]]} for row in known]
        rows.sort(key=lambda row: (row["distance"], row["name"]))
        columns = ("name", "distance", "type", "team", "criticality")
        result = _table(question, columns, rows, ROW_LIMIT)
        if len(edges) <= ROW_LIMIT:
            return result
        note = f"[{FOLLOWED}; more may be affected]"
        return result.model_copy(update={"text": f"{note}\n{result.text}"})

    async def find_path(self, source: Name, target: Name, depth: Depth = 6) -> ToolResult:
        """Find a shortest way of calls from one component to another, with its latencies."""
        question = f"way of calls from {source!r} to {target!r} within {depth} levels"
        for name in (source, target):
            if not await self._exists(name):
                return await self._unknown(name)
        edges = await self._calls.walk(source, depth, downstream=True)
        result = _table(question, EDGE_COLUMNS, shortest_way(edges, source, target), ROW_LIMIT)
        if result.status == "no_data" and len(edges) > ROW_LIMIT:
            return result.model_copy(update={"text": f"{FOLLOWED}; there may be a way"})
        return result

    async def _described(self, condition: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        """Name, kind, type, teams and criticality of the components that meet the condition.

        The condition is Cypher of ours about `name` and `teams`.
        """
        names = self._reader.mapping
        cypher = (
            f"MATCH (c:{self._components}) WHERE c.{self._name} IS NOT NULL "
            f"OPTIONAL MATCH (c)-[:{names.owned_by}]->(t:{names.team}) "
            f"WITH c, toStringOrNull(c.{self._name}) AS name, "
            f"toStringOrNull(t.{self._name}) AS owner ORDER BY owner "
            "WITH c, name, collect(owner) AS owners WHERE name IS NOT NULL "
            "WITH c, name, CASE WHEN size(owners) = 0 AND c.team IS NOT NULL "
            "THEN [team IN ([] + c.team) | toStringOrNull(team)] ELSE owners END AS teams "
            f"WHERE {condition} "
            f"RETURN name, {self._kind} AS kind, c.type AS type, teams AS team, "
            "c.criticality AS criticality ORDER BY name LIMIT $limit"
        )
        return await self._reader.rows(cypher, parameters)

    async def _exists(self, name: str) -> bool:
        cypher = f"MATCH (c:{self._components}) WHERE c.{self._name} = $name RETURN 1 LIMIT $limit"
        return bool(await self._reader.rows(cypher, {"name": name}))

    async def _unknown(self, name: str, kinds: str = "service or database") -> ToolResult:
        known = await self.find_services(query=name.split("-")[0], limit=10)
        found = [row["name"] for row in known.data]
        near = f"names like it: {', '.join(found)}" if found else "no name is like it"
        return ToolResult(
            status="no_data",
            source=SOURCE,
            query=f"component {name!r}",
            text=f"no {kinds} is named {name!r}; {near}",
        )


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
        # First, because a text that is too long is cut at its end.
        text = f"[{len(rows) - limit} or more further rows; ask for a narrower part]\n{text}"
    return ToolResult(
        status="ok" if kept else "no_data",
        source=SOURCE,
        query=question,
        matched=len(rows),
        returned=len(kept),
        text=text if kept else "",
        data=kept,
    )
