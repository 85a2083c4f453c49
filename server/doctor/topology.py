"""Check of the graph database: that it answers, and how many services it holds."""

from neo4j.exceptions import AuthError, Neo4jError, ServiceUnavailable

from graph.errors import TopologyUnavailable
from graph.settings import Settings
from graph.tools import NOT_SET
from graph.tools.question import ReadFailed
from graph.tools.topology.cypher import open_graph
from server.doctor.check import Disabled, Trouble, split


async def services(settings: Settings) -> str:
    """That the graph database answers, and how many services are in it."""
    try:
        async with open_graph(settings) as reader:
            if reader is None:
                raise Disabled(NOT_SET["topology"])
            names = reader.mapping
            [row] = await reader.rows(
                f"MATCH (s:{names.service}) WHERE s.{names.name} IS NOT NULL "
                "RETURN count(s) AS services",
                {},
            )
    except TopologyUnavailable as error:
        reason, remedy = split(error)
        raise Trouble(reason, _remedy(error.__cause__) or remedy) from error
    except ReadFailed as error:
        remedy = _remedy(error) or "let NEO4J_USER read NEO4J_DATABASE, and see docs/topology.md"
        raise Trouble(str(error), remedy) from error
    if not row["services"]:
        raise Trouble(
            f"no node of {settings.neo4j_database} has the label {names.service} and a "
            f"{names.name}",
            "load the topology (docs/topology.md), or correct NEO4J_DATABASE, "
            "GRAPH_MAPPING__SERVICE and GRAPH_MAPPING__NAME",
        )
    return f"{settings.neo4j_uri} has {row['services']} services"


def _remedy(cause: BaseException | None) -> str | None:
    """What mends it, where the driver's error tells; a refused query holds it as its cause."""
    if isinstance(cause, ReadFailed):
        cause = cause.__cause__
    if isinstance(cause, AuthError):
        return "correct NEO4J_USER and NEO4J_PASSWORD"
    if isinstance(cause, ServiceUnavailable):
        return "start it, or correct NEO4J_URI; unset NEO4J_URI to do without"
    code = str(cause.code) if isinstance(cause, Neo4jError) else ""
    if "DatabaseNotFound" in code or "Security.Forbidden" in code:
        return "correct NEO4J_DATABASE, or let NEO4J_USER read it (docs/operating.md)"
    return None
