"""What Datadog's events say that changed: deployments, configuration, flags."""

from collections.abc import Sequence
from typing import Any

from datadog_api_client.v2.api.events_api import EventsApi
from datadog_api_client.v2.model.events_list_request import EventsListRequest
from datadog_api_client.v2.model.events_query_filter import EventsQueryFilter
from datadog_api_client.v2.model.events_request_page import EventsRequestPage
from datadog_api_client.v2.model.events_sort import EventsSort

from graph.tools.changes import CUT
from graph.tools.datadog.client import Datadog
from graph.tools.datadog.moments import moment
from graph.tools.datadog.search_text import narrowed, quoted
from graph.tools.window import Window, iso

EVENT_LIMIT = 500
"""Events of one question, the newest; a last row says when there are more."""
_NO_CHANGES = "-source:(alert OR slo)"
"""Alerts are events too, and tell of what followed. An edited monitor is a change."""
_AUTHORS = ("user", "author", "deployed_by")
_QUIET = ("info", "")


async def events(datadog: Datadog, service: str, window: Window) -> list[dict[str, Any]]:
    """Events of the service, or of all when it is empty, in the window, newest first.

    Rows of `graph.tools.changes.CHANGE_COLUMNS` without `source`: `kind` is the event's own
    source, `version` and `by` come from its tags. Asks POST /api/v2/events/search. Raises
    ReadFailed.
    """
    query = narrowed(*([f"service:{quoted(service)}"] if service else [""]), _NO_CHANGES)
    with datadog.asking(f"events {query!r}", window) as ask:
        body = EventsListRequest(
            filter=EventsQueryFilter(query=query, _from=iso(window.start), to=iso(window.end)),
            page=EventsRequestPage(limit=EVENT_LIMIT),
            sort=EventsSort.TIMESTAMP_DESCENDING,
        )
        answer = await ask(EventsApi, "search_events", body=body)
        rows = [_row(entry.get("attributes") or {}) for entry in answer["data"]]
        page = (answer.get("meta") or {}).get("page") or {}
        if rows and page.get("after"):
            words = f"older events were not read: these are the newest {len(rows)}"
            rows.append({"at": rows[-1]["at"], "component": None, "kind": CUT, "detail": words})
        return rows


def _row(told: dict[str, Any]) -> dict[str, Any]:
    own = told.get("attributes") or {}
    tags = [str(tag) for tag in [*(told.get("tags") or []), *(own.get("tags") or [])]]
    title, text = (
        " ".join(str(part or "").split()) for part in (own.get("title"), told.get("message"))
    )
    status = str(own.get("status") or "")
    return {
        "at": moment(told.get("timestamp")),
        "component": own.get("service") or _tag(tags, ("service",)),
        "kind": own.get("source_type_name") or _tag(tags, ("source",)) or "event",
        "version": _tag(tags, ("version",)),
        "status": None if status in _QUIET else status,
        "by": _tag(tags, _AUTHORS),
        "detail": ": ".join(part for part in (title, text) if part),
        "tags": sorted(set(tags)),
    }


def _tag(tags: Sequence[str], names: Sequence[str]) -> str | None:
    """The value of the first tag with one of these names."""
    values = (tag.partition(":") for tag in tags)
    return next((value for name, _, value in values if name in names and value), None)
