"""The deployments that the topology graph knows."""

from typing import TYPE_CHECKING, Any

from graph.tools.changes import CUT
from graph.tools.topology.rows import ROW_LIMIT
from graph.tools.window import Window, iso

if TYPE_CHECKING:
    from graph.tools.topology.cypher import GraphReader


async def deployments(reader: "GraphReader", service: str, window: Window) -> list[dict[str, Any]]:
    """Deployments of the service, or of all when it is empty, in the window, newest first.

    Rows of `graph.tools.changes.CHANGE_COLUMNS`, at most ROW_LIMIT, and one of the kind CUT
    when there are more. Their `deployed_at` is an ISO 8601 text in UTC with a `Z`, or a native
    date with time. Raises ReadFailed.
    """
    names = reader.mapping
    within = " OR ".join(
        f"(d.deployed_at >= {form('$start')} AND d.deployed_at <= {form('$end')})"
        for form in ("{}".format, "datetime({})".format, "localdatetime(datetime({}))".format)
    )
    cypher = (
        f"MATCH (s:{names.service})-[:{names.had_deployment}]->(d:{names.deployment}) "
        f"WHERE ({within}) AND ($service = '' OR s.{names.name} = $service) "
        f"RETURN s.{names.name} AS component, d.id AS id, d.version AS version, "
        "d.deployed_at AS at, d.status AS status, d.deployed_by AS by, "
        "d.change AS detail ORDER BY d.deployed_at DESC, id LIMIT $limit"
    )
    sent = {"start": iso(window.start), "end": iso(window.end), "service": service}
    found = await reader.rows(cypher, sent)
    rows = [
        {**row, "kind": "deployment", "detail": _detail(row), "at": str(row["at"])} for row in found
    ]
    if len(rows) > ROW_LIMIT:
        words = f"older deployments were not read: these are the newest {ROW_LIMIT}"
        rows[ROW_LIMIT:] = [{"at": rows[ROW_LIMIT]["at"], "kind": CUT, "detail": words}]
    return rows


def _detail(row: dict[str, Any]) -> str:
    return " ".join(str(row[part]) for part in ("id", "detail") if row[part] not in (None, ""))
