"""Which components are near others, for the gate of memory."""

import logging
from collections.abc import Mapping, Sequence

from graph.tools.question import ReadFailed
from graph.tools.topology.cypher import GraphReader

logger = logging.getLogger(__name__)

NEAR_LIMIT = 200
"""Components that are taken as near; of a hub those beyond it are left out."""


class Neighbourhood:
    """Looks up who is near on one graph."""

    def __init__(self, reader: GraphReader) -> None:
        self._reader = reader

    async def __call__(self, words: Sequence[str], hops: int) -> Mapping[str, int]:
        """The components that these words name, and those at most `hops` calls away.

        Names in lower case with their distance, NEAR_LIMIT at most. A graph that does not answer
        is logged, and nobody is near.
        """
        names = self._reader.mapping
        components, name = f"{names.service}|{names.database}", names.name
        try:
            rows = await self._reader.rows(
                f"MATCH (c:{components}) WHERE toLower(c.{name}) IN $words "
                f"RETURN DISTINCT c.{name} AS near LIMIT $limit",
                {"words": list(words)},
            )
            near = {str(row["near"]): 0 for row in rows[:NEAR_LIMIT]}
            for distance in range(1, hops + 1):
                frontier = [one for one, at in near.items() if at == distance - 1]
                if not frontier or len(near) >= NEAR_LIMIT:
                    break
                rows = await self._reader.rows(
                    f"MATCH (c:{components})-[:{names.calls}|{names.uses}]-(n:{components}) "
                    f"WHERE c.{name} IN $frontier RETURN DISTINCT n.{name} AS near "
                    "ORDER BY near LIMIT $limit",
                    {"frontier": frontier},
                )
                for row in rows[: NEAR_LIMIT - len(near)]:
                    near.setdefault(str(row["near"]), distance)
        except ReadFailed as error:
            logger.warning("memory is recalled by name alone, the topology says: %s", error)
            return {}
        return {one.lower(): at for one, at in near.items()}
