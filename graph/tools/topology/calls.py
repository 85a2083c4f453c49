"""The calls between components, walked level by level.

One bounded query a level, because a variable-length pattern enumerates every path and a dense
graph has far too many.
"""

from typing import TYPE_CHECKING, Any

from graph.tools.topology.rows import ROW_LIMIT

if TYPE_CHECKING:
    from graph.tools.topology.cypher import GraphReader

MEASURES = (
    "avg_latency_ms",
    "p99_latency_ms",
    "baseline_p99_latency_ms",
    "requests_per_min",
    "error_rate",
    "connections",
)
EDGE_COLUMNS = ("from", "relation", "to", *MEASURES)
Edge = dict[str, Any]
"""The EDGE_COLUMNS of a call, and `level`: how far from the start it was met."""


class Calls:
    """Walks the calls of one graph; a walk of more than ROW_LIMIT edges was cut there."""

    def __init__(self, reader: "GraphReader") -> None:
        self._reader = reader

    async def walk(self, name: str, depth: int, *, downstream: bool) -> list[Edge]:
        """The edges met from `name`, each once, nearest first, at most ROW_LIMIT and one.

        Raises ReadFailed.
        """
        seen, frontier = {name}, [name]
        edges: list[Edge] = []
        for level in range(1, depth + 1):
            found = await self._level(frontier, downstream=downstream)
            edges += [{**row, "level": level} for row in found]
            reached = {row["to"] if downstream else row["from"] for row in found}
            frontier = sorted(reached - seen)
            seen |= reached
            if not frontier or len(edges) > ROW_LIMIT:
                break
        return edges

    async def _level(self, frontier: list[str], *, downstream: bool) -> list[Edge]:
        names = self._reader.mapping
        components, name = f"{names.service}|{names.database}", names.name
        here = "a" if downstream else "b"
        measured = ", ".join(f"r.{measure} AS {measure}" for measure in MEASURES)
        cypher = (
            f"MATCH (a:{components})-[r:{names.calls}|{names.uses}]->(b:{components}) "
            f"WHERE {here}.{name} IN $frontier "
            f"WITH r, toStringOrNull(a.{name}) AS `from`, type(r) AS relation, "
            f"toStringOrNull(b.{name}) AS `to` "
            "WHERE `from` IS NOT NULL AND `to` IS NOT NULL "
            f"RETURN `from`, relation, `to`, {measured} "
            "ORDER BY `from`, `to`, relation LIMIT $limit"
        )
        return await self._reader.rows(cypher, {"frontier": frontier})


def shortest_way(edges: list[Edge], source: str, target: str) -> list[Edge]:
    """The edges of a shortest way among those of a walk down from `source`; empty without one."""
    arrived: dict[str, Edge] = {}
    for edge in edges:
        arrived.setdefault(edge["to"], edge)
    way: list[Edge] = []
    here = target
    while here != source and here in arrived:
        way.append(arrived[here])
        here = arrived[here]["from"]
    return way[::-1] if here == source else []
