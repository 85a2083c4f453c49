"""Questions to Datadog's monitors: which of them alert."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from datadog_api_client.v1.api.monitors_api import MonitorsApi
from pydantic import Field

from graph.tools.datadog.client import SOURCE, Asking, Datadog
from graph.tools.datadog.links import page
from graph.tools.datadog.search_text import narrowed, quoted
from graph.tools.result import ToolResult, table
from graph.tools.window import iso

MONITOR_COLUMNS = ("id", "status", "name", "service", "last_triggered", "query")
Status = Literal["Alert", "Warn", "No Data", "OK"]
_GRAVEST_FIRST = ("Alert", "Warn", "No Data", "OK")
_ALL = len(_GRAVEST_FIRST)
_NOT_OK: tuple[Status, ...] = ("Alert", "Warn", "No Data")


class Monitors:
    """Asks GET /api/v1/monitor/search."""

    def __init__(self, datadog: Datadog) -> None:
        self._datadog = datadog

    async def search_monitors(
        self,
        query: Annotated[
            str, Field(max_length=500, description='Words of a name, tag:"team:x", type:metric')
        ] = "",
        service: Annotated[str, Field(max_length=200, description="Only of that service")] = "",
        status: Annotated[Sequence[Status], Field(min_length=1, max_length=_ALL)] = _NOT_OK,
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
        cursor: Annotated[
            str, Field(pattern=r"^\d{0,6}$", description="From the answer before")
        ] = "",
    ) -> ToolResult:
        """List Datadog monitors of a status, those that alert first, and how many there are."""
        found = narrowed(query, *([f"tag:{quoted(f'service:{service}')}"] if service else []))
        search = found if len(set(status)) == _ALL else narrowed(found, _of_status(status))
        with self._datadog.asking(
            f"monitors query={search!r} page={cursor or 0} of {limit}"
        ) as ask:
            number = int(cursor or 0)
            answer = await _searched(ask, search, number, limit)
            rows = sorted(map(_row, answer["monitors"]), key=_gravest_first)
            metadata = answer.get("metadata") or {}
            matched = int(metadata.get("total_count") or len(rows))
            has_more = number + 1 < int(metadata.get("page_count") or 0)
            counts = _counts(answer)
            notes = [f"by status: {counts}"] if counts else []
            if not rows:
                notes = [await _instead(ask, found, matched)]
            return ToolResult(
                status="ok" if rows else "no_data",
                source=SOURCE,
                query=ask.question,
                matched=matched,
                returned=len(rows),
                cursor=str(number + 1) if has_more else None,
                url=page(self._datadog.site, "monitors/manage", q=search),
                text=ask.text(table(MONITOR_COLUMNS, rows) if rows else "", notes),
                data=rows,
            )


async def _searched(ask: Asking, query: str, number: int, size: int) -> dict[str, Any]:
    return await ask(
        MonitorsApi,
        "search_monitors",
        query="" if query == "*" else query,
        page=number,
        per_page=size,
        # By the alphabet: those that alert are on the first page.
        sort="status,asc",
    )


async def _instead(ask: Asking, query: str, matched: int) -> str:
    """Words about what monitors there are, when none is on the page that was asked for."""
    if matched:
        return f"the {matched} that match are on earlier pages"
    if others := _counts(await _searched(ask, query, 0, 1)):
        return f"of other status: {others}"
    every = (await _searched(ask, "", 0, 1)).get("counts") or {}
    tags = [str(entry.get("name")) for entry in every.get("tag") or []]
    names = sorted(tag.removeprefix("service:") for tag in tags if tag.startswith("service:"))
    known = f"; services with monitors: {', '.join(names)}" if names else ""
    return f"no monitor of any status matches{known}"


def _of_status(status: Sequence[Status]) -> str:
    return f"status:({' OR '.join(quoted(one) for one in dict.fromkeys(status))})"


def _row(monitor: dict[str, Any]) -> dict[str, Any]:
    triggered = monitor.get("last_triggered_ts")
    tags = [str(tag) for tag in monitor.get("tags") or []]
    return {
        "id": monitor.get("id"),
        "status": monitor.get("status"),
        "name": monitor.get("name"),
        "service": [tag.removeprefix("service:") for tag in tags if tag.startswith("service:")],
        "last_triggered": iso(datetime.fromtimestamp(triggered, UTC)) if triggered else None,
        "query": monitor.get("query"),
        "tags": tags,
    }


def _gravest_first(row: dict[str, Any]) -> tuple[int, bool, str]:
    """By status; an unknown one is shown first, so that it is seen."""
    return _gravity(row["status"]), row["last_triggered"] is None, str(row["name"])


def _gravity(status: Any) -> int:
    return _GRAVEST_FIRST.index(status) if status in _GRAVEST_FIRST else -1


def _counts(answer: dict[str, Any]) -> str:
    counts = (answer.get("counts") or {}).get("status") or []
    counts = sorted(counts, key=lambda entry: _gravity(entry.get("name")))
    return ", ".join(f"{entry.get('name')} {entry.get('count')}" for entry in counts)
