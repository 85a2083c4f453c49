"""Questions to Datadog's incidents: what people declared."""

from typing import Annotated, Any

from datadog_api_client.v2.api.incidents_api import IncidentsApi
from datadog_api_client.v2.model.incident_search_sort_order import IncidentSearchSortOrder
from pydantic import Field

from graph.tools.datadog.client import SOURCE, Asking, Datadog
from graph.tools.datadog.links import page
from graph.tools.datadog.moments import moment
from graph.tools.result import ToolResult, table

INCIDENT_COLUMNS = ("id", "severity", "state", "title", "services", "created", "resolved")
_EVERY_STATE = "state:(active OR stable OR resolved)"


class Incidents:
    """Asks GET /api/v2/incidents/search."""

    def __init__(self, datadog: Datadog) -> None:
        self._datadog = datadog

    async def search_incidents(
        self,
        query: Annotated[
            str,
            Field(
                min_length=1,
                max_length=500,
                description="Such as state:active severity:SEV-1; states: active, stable, resolved",
            ),
        ] = "state:active",
        limit: Annotated[int, Field(ge=1, le=100)] = 10,
        cursor: Annotated[
            str, Field(pattern=r"^\d{0,6}$", description="From the answer before")
        ] = "",
    ) -> ToolResult:
        """List incidents that people declared in Datadog, the newest first."""
        offset = int(cursor or 0)
        with self._datadog.asking(f"incidents {query!r} from {offset}") as ask:
            told = await _searched(ask, query, limit, offset)
            rows = [_row(entry.get("data") or {}) for entry in told.get("incidents") or []]
            matched = int(told.get("total") or 0)
            following = offset + len(rows)
            notes = []
            if not rows:
                others = await _searched(ask, _EVERY_STATE, 1, 0)
                states = (others.get("facets") or {}).get("state") or []
                counts = ", ".join(f"{entry.get('name')} {entry.get('count')}" for entry in states)
                notes = [f"no incident matches; there are: {counts or 'none of any state'}"]
            return ToolResult(
                status="ok" if rows else "no_data",
                source=SOURCE,
                query=ask.question,
                matched=max(matched, len(rows)),
                returned=len(rows),
                cursor=str(following) if rows and following < matched else None,
                url=page(self._datadog.site, "incidents", query=query),
                text=ask.text(table(INCIDENT_COLUMNS, rows) if rows else "", notes),
                data=rows,
            )


async def _searched(ask: Asking, query: str, size: int, offset: int) -> dict[str, Any]:
    answer = await ask(
        IncidentsApi,
        "search_incidents",
        query=query,
        sort=IncidentSearchSortOrder.CREATED_DESCENDING,
        page_size=size,
        page_offset=offset,
    )
    attributes: dict[str, Any] = answer["data"].get("attributes") or {}
    return attributes


def _row(incident: dict[str, Any]) -> dict[str, Any]:
    told = incident.get("attributes") or {}
    fields = told.get("fields") or {}
    return {
        "id": told.get("public_id") or incident.get("id"),
        "severity": told.get("severity") or _field(fields, "severity"),
        "state": told.get("state") or _field(fields, "state"),
        "title": told.get("title"),
        "services": _field(fields, "services"),
        "created": moment(told.get("created")),
        "resolved": moment(told.get("resolved")),
    }


def _field(fields: dict[str, Any], name: str) -> Any:
    return (fields.get(name) or {}).get("value")
