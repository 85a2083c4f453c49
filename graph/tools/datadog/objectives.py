"""Questions to Datadog's SLOs: what was promised, and what was reached."""

from typing import Annotated, Any

from datadog_api_client.v1.api.service_level_objectives_api import ServiceLevelObjectivesApi
from pydantic import Field

from graph.tools.datadog.client import SOURCE, Asking, Datadog, together
from graph.tools.datadog.links import page
from graph.tools.datadog.refusal import DatadogRefused
from graph.tools.datadog.search_text import quoted
from graph.tools.result import ToolResult, table
from graph.tools.series import rounded
from graph.tools.window import Window, WindowText

SLO_LIMIT = 10
"""SLOs of one service whose history is asked for."""
SLO_COLUMNS = (
    "name",
    "state",
    "target_percent",
    "reached_percent",
    "budget_left_percent",
    "type",
)
_SEARCHED = 100


class Objectives:
    """Asks GET /api/v1/slo/search and GET /api/v1/slo/{slo_id}/history."""

    def __init__(self, datadog: Datadog) -> None:
        self._datadog = datadog

    async def get_slo_status(
        self,
        service: Annotated[str, Field(min_length=1, max_length=200, description="Exact name")],
        window: WindowText = "last 7d",
    ) -> ToolResult:
        """Show the SLOs of a service: target and reached in percent, and the error budget left.

        The budget is that of the window, below zero when more failed than the target allows.
        """
        span = Window.parse(window)
        with self._datadog.asking(f"SLOs of {service!r}", span) as ask:
            found, total = await _searched(ask, f"service:{quoted(service)}", SLO_LIMIT)
            rows = await together(*(_row(ask, slo) for slo in found))
            failed = [row["error"] for row in rows if row["error"]]
            if failed and len(failed) == len(rows):
                raise DatadogRefused(failed[0], ask.question, str(span), None)
            notes = [f"[{row['name']}: {row['error']}: not known]" for row in rows if row["error"]]
            if total > len(found):
                notes.append(f"[{total - len(found)} further SLOs]")
            if not rows:
                notes = [f"no SLO is of {service!r}; {await _services(ask)}"]
            return ToolResult(
                status="ok" if rows else "no_data",
                source=SOURCE,
                query=ask.question,
                window=str(span),
                matched=max(total, len(rows)),
                returned=len(rows),
                url=page(self._datadog.site, "slo/manage", query=f"service:{quoted(service)}"),
                text=ask.text(table(SLO_COLUMNS, rows) if rows else "", notes),
                data=list(rows),
            )


async def _searched(ask: Asking, query: str, size: int) -> tuple[list[dict[str, Any]], int]:
    """The SLOs, and how many there are."""
    answer = await ask(
        ServiceLevelObjectivesApi, "search_slo", query=query, page_size=size, page_number=0
    )
    slos = (answer["data"].get("attributes") or {}).get("slos") or []
    pagination = (answer.get("meta") or {}).get("pagination") or {}
    return [slo.get("data") or {} for slo in slos], int(pagination.get("total") or len(slos))


async def _row(ask: Asking, slo: dict[str, Any]) -> dict[str, Any]:
    """One SLO in the window; `error` has the words where its history is refused."""
    told = slo.get("attributes") or {}
    thresholds = told.get("thresholds") or [{}]
    target = thresholds[0].get("target")
    row = {
        "id": slo.get("id"),
        "name": told.get("name"),
        "type": told.get("slo_type"),
        "target_percent": target,
        "reached_percent": None,
        "budget_left_percent": None,
        "state": "unknown",
        "error": None,
    }
    try:
        reached, words = await _reached(ask, str(slo.get("id")))
    except DatadogRefused as refused:
        return {**row, "error": str(refused)}
    if reached is None or target is None:
        return {**row, "reached_percent": reached, "error": words}
    allowed = 100 - target
    left = rounded(100 * (1 - (100 - reached) / allowed)) if allowed > 0 else None
    state = "ok" if reached >= target else "breached"
    return {**row, "reached_percent": reached, "budget_left_percent": left, "state": state}


async def _reached(ask: Asking, slo_id: str) -> tuple[float | None, str | None]:
    """What it reached in percent, or words why there is none: they come with status 200."""
    assert ask.window is not None
    start, end = (round(moment.timestamp()) for moment in (ask.window.start, ask.window.end))
    answer = await ask(
        ServiceLevelObjectivesApi, "get_slo_history", slo_id=slo_id, from_ts=start, to_ts=end
    )
    overall = answer["data"].get("overall") or {}
    problems = [*(answer.get("errors") or []), *(overall.get("errors") or [])]
    told = [str(problem.get("error_message") or problem.get("error")) for problem in problems]
    reached = overall.get("sli_value")
    words = "; ".join(told) or "no value in the window"
    return reached, None if reached is not None else words


async def _services(ask: Asking) -> str:
    slos, _ = await _searched(ask, "", _SEARCHED)
    names = {
        str(name)
        for slo in slos
        for name in (slo.get("attributes") or {}).get("service_tags") or []
    }
    return f"services with SLOs: {', '.join(sorted(names))}" if names else "there is no SLO"
