"""Questions to Datadog's metrics: which there are, and by what they can be told apart."""

import heapq
import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Annotated, Any

from datadog_api_client.v2.api.metrics_api import MetricsApi
from pydantic import Field

from graph.tools.datadog.client import SOURCE, Asking, Datadog
from graph.tools.datadog.links import page
from graph.tools.datadog.refusal import DatadogRefused
from graph.tools.result import ToolResult, table

NAMES_SHOWN = 200
PAGE_SIZE = 10_000
PAGES = 3
"""Pages of names that are read at most."""
REPORTING_S = 86_400
"""A metric counts as there when it reported within this time."""
TAG_COLUMNS = ("tag", "values", "such_as")
VALUES_KEPT = 200
_VALUES_SHOWN = 8
_NEAR = 10
_FIRST_PARTS = 40
_NOT_FOUND = 404


class MetricNames:
    """Asks GET /api/v2/metrics and GET /api/v2/metrics/{metric_name}/all-tags."""

    def __init__(self, datadog: Datadog) -> None:
        self._datadog = datadog

    async def find_metrics(
        self,
        query: Annotated[str, Field(max_length=200, description="Part of the name")] = "",
        tags: Annotated[
            str, Field(max_length=500, description="Only with these tags, such as service:x")
        ] = "",
        metric: Annotated[
            str, Field(max_length=200, description="Exact name: shows its tags instead")
        ] = "",
    ) -> ToolResult:
        """Find Datadog metrics by a part of their name or by tags, or show the tags of one metric.

        Those that reported in the last 24 hours.
        """
        if metric:
            return await self._tags_of(metric)
        having = f" with {tags!r}" if tags else ""
        with self._datadog.asking(f"metrics whose name holds {query!r}{having}") as ask:
            every, notes = await metric_names(ask, tags)
            names = [name for name in every if query.strip().lower() in name.lower()]
            shown = names[:NAMES_SHOWN]
            if len(names) > len(shown):
                notes.append(f"[{len(names) - len(shown)} further names; give more of the name]")
            if not names:
                notes = [_instead(query, tags, every), *notes]
            found = table(["name"], [{"name": name} for name in shown]) if names else ""
            return ToolResult(
                status="ok" if names else "no_data",
                source=SOURCE,
                query=ask.question,
                matched=len(names),
                returned=len(shown),
                url=page(self._datadog.site, "metric/summary", filter=query),
                text=ask.text(found, notes),
                data=shown,
            )

    async def _tags_of(self, metric: str) -> ToolResult:
        with self._datadog.asking(f"tags of the metric {metric!r}") as ask:
            tags = await tags_of(ask, metric)
            rows = [
                {"tag": tag, "values": len(values), "such_as": sorted(values)[:_VALUES_SHOWN]}
                for tag, values in sorted((tags or {}).items())
            ]
            notes = [] if rows else ["it has no tags"]
            if tags is None:
                names, notes = await metric_names(ask)
                notes = [f"no metric is named {metric!r}; {like(metric, names)}", *notes]
            return ToolResult(
                status="ok" if rows else "no_data",
                source=SOURCE,
                query=ask.question,
                matched=len(rows),
                returned=len(rows),
                url=page(self._datadog.site, "metric/summary", metric=metric),
                text=ask.text(table(TAG_COLUMNS, rows) if rows else "", notes),
                data={tag: sorted(values)[:VALUES_KEPT] for tag, values in (tags or {}).items()},
            )


async def metric_names(ask: Asking, tags: str = "") -> tuple[list[str], list[str]]:
    """The names of the metrics with these tags, sorted, and a line when there are more."""
    names: list[str] = []
    cursor: str | None = None
    for _ in range(PAGES):
        asked = {"filter_tags": tags, "page_cursor": cursor}
        answer = await ask(
            MetricsApi,
            "list_tag_configurations",
            window_seconds=REPORTING_S,
            page_size=PAGE_SIZE,
            **{name: value for name, value in asked.items() if value},
        )
        names += [str(entry.get("id")) for entry in answer["data"]]
        cursor = ((answer.get("meta") or {}).get("pagination") or {}).get("next_cursor")
        if not cursor:
            break
    more = [f"[only the first {len(names)} metrics were looked at; give tags]"] if cursor else []
    return sorted(names), more


async def tags_of(ask: Asking, metric: str) -> dict[str, list[str]] | None:
    """The values of each tag of the metric; None when there is no such metric."""
    try:
        answer = await ask(MetricsApi, "list_tags_by_metric_name", metric_name=metric)
    except DatadogRefused as refused:
        if refused.status == _NOT_FOUND:
            return None
        raise
    tags: dict[str, list[str]] = {}
    attributes: dict[str, Any] = answer["data"].get("attributes") or {}
    for tag in attributes.get("tags") or []:
        name, _, value = str(tag).partition(":")
        tags.setdefault(name, []).append(value)
    return tags


def _instead(query: str, tags: str, names: Sequence[str]) -> str:
    """Words about what there is, when no name holds the query."""
    if tags and not names:
        return f"no metric with the tags {tags!r} reported in the last 24 hours"
    first = sorted({name.partition(".")[0] for name in names})[:_FIRST_PARTS]
    return (
        f"{like(query, names)}; names begin with {', '.join(first)}"
        if first
        else like(query, names)
    )


def like(wanted: str, names: Sequence[str]) -> str:
    """Words about the names that share the most parts with this one, from the first on."""
    parts = _parts(wanted)
    shared = ((*_shared(parts, _parts(name)), name) for name in names)
    near = heapq.nlargest(_NEAR, (found for found in shared if found[1]))
    shown = ", ".join(name for *_, name in near)
    return f"names like it: {shown}" if shown else "no name is like it"


def _shared(one: list[str], other: list[str]) -> tuple[int, int]:
    """How many parts are the same from the first on, and at any place."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return len(list(same)), len(set(one) & set(other))


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r"[^a-z0-9]+", name.lower()) if part]
