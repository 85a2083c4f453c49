"""Questions to Datadog's logs: patterns, single lines, counts."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from graph.tools.datadog.client import SOURCE, Asking, Datadog, together
from graph.tools.datadog.links import page
from graph.tools.datadog.log_lines import (
    Lines,
    count_of_lines,
    groups_of_lines,
    page_of_lines,
    services_with_lines,
)
from graph.tools.result import ToolResult, table
from graph.tools.templates import TEMPLATE_COLUMNS, Templates
from graph.tools.window import Window, WindowText
from graph.untrusted import printable

PAGE_SIZE = 1000
PAGES = 3
"""Pages of lines that patterns are made of, the newest first."""
LINE_COLUMNS = ("time", "level", "service", "host", "message")
FACETS = 3
_LEVEL = re.compile(r"\b(?:log_?)?(?:level|severity):", re.IGNORECASE)
"""What other log stores call it; in Datadog's search it is a tag that no line has."""


class Logs:
    """Asks POST /api/v2/logs/events/search and POST /api/v2/logs/analytics/aggregate."""

    def __init__(self, datadog: Datadog) -> None:
        self._datadog = datadog

    async def search_logs(  # noqa: PLR0913 (the arguments are what a model can ask for)
        self,
        query: Annotated[
            str, Field(max_length=1000, description='Such as service:x status:error "a phrase"')
        ],
        window: WindowText = "last 1h",
        mode: Annotated[
            Literal["patterns", "raw", "count"],
            Field(description="patterns: kinds of lines; raw: single lines; count: per group_by"),
        ] = "patterns",
        group_by: Annotated[
            str,
            Field(
                min_length=1,
                max_length=200,
                description=f"For count: service, status, host, @field; up to {FACETS}, by commas",
            ),
        ] = "service",
        limit: Annotated[int, Field(ge=1, le=200, description="Rows to show")] = 40,
        cursor: Annotated[str, Field(max_length=5000, description="From the answer before")] = "",
    ) -> ToolResult:
        """Search Datadog logs: their patterns with counts, single lines, or counts of groups."""
        span = Window.parse(window)
        facets = [facet.strip() for facet in group_by.split(",") if facet.strip()][:FACETS]
        how = f"by {','.join(facets)}" if mode == "count" else "after the cursor" if cursor else ""
        with self._datadog.asking(f"logs {query!r} mode={mode} {how}".rstrip(), span) as ask:
            if mode == "patterns":
                result = await self._patterns(ask, query, limit, cursor)
            elif mode == "raw":
                result = await self._raw(ask, query, limit, cursor)
            else:
                result = await self._count(ask, query, facets, limit)
            notes = []
            if result.status == "no_data":
                notes = [f"no line matches; {await services_with_lines(ask)}"]
                if level := _LEVEL.search(query):
                    notes.append(f"the level of a line is status, not {level[0]}")
            return result.model_copy(
                update={
                    "window": str(span),
                    "url": page(self._datadog.site, "logs", span, query=query),
                    "text": ask.text(result.text, notes),
                }
            )

    async def _patterns(self, ask: Asking, query: str, limit: int, cursor: str) -> ToolResult:
        (templates, seen, following), matched = await together(
            _gathered(ask, query, cursor), count_of_lines(ask, query)
        )
        rows = templates.rows()
        kept = rows[:limit]
        part = "next older" if cursor else "newest"
        text = [f"patterns of the {part} {seen} of {matched} lines"]
        if len(rows) > limit:
            lost = sum(row["count"] for row in rows[limit:])
            text.append(f"[{len(rows) - limit} further patterns of {lost} lines; narrow the query]")
        text.append(table(TEMPLATE_COLUMNS, kept))
        return _result(ask, (matched, seen), kept, text, following)

    async def _raw(self, ask: Asking, query: str, limit: int, cursor: str) -> ToolResult:
        (lines, following), matched = await together(
            page_of_lines(ask, query, limit, cursor), count_of_lines(ask, query)
        )
        return _result(ask, (matched, len(lines)), lines, [table(LINE_COLUMNS, lines)], following)

    async def _count(self, ask: Asking, query: str, facets: list[str], limit: int) -> ToolResult:
        groups, matched = await together(
            groups_of_lines(ask, query, facets, limit), count_of_lines(ask, query)
        )
        rest = matched - sum(group["count"] for group in groups)
        text = [table([*facets, "count"], groups)]
        if rest > 0:
            missing = printable(", ".join(facets))
            text.insert(0, f"[{rest} lines are in further groups, or have no {missing}]")
        return _result(ask, (matched, len(groups)), groups, text, None)


def _result(
    ask: Asking,
    counts: tuple[int, int],
    rows: Sequence[dict[str, Any]],
    text: list[str],
    cursor: str | None,
) -> ToolResult:
    """The result of rows, with how many lines match and how many were looked at or shown."""
    matched, returned = counts
    return ToolResult(
        status="ok" if rows or matched else "no_data",
        source=SOURCE,
        query=ask.question,
        matched=max(matched, returned),
        returned=returned,
        cursor=cursor,
        text="\n".join(text) if rows or matched else "",
        data=list(rows),
    )


async def _gathered(ask: Asking, query: str, cursor: str) -> tuple[Templates, int, str | None]:
    """The templates of some pages of lines, how many lines these are, and the next cursor."""
    templates, seen = Templates(), 0
    following: str | None = cursor
    for _ in range(PAGES):
        lines, following = await page_of_lines(ask, query, PAGE_SIZE, following or "")
        await ask.run(_add, templates, lines)
        seen += len(lines)
        if not following:
            break
    return templates, seen, following


def _add(templates: Templates, lines: Lines) -> None:
    for line in lines:
        templates.add(line["message"], at=line["time"], level=line["level"], source=line["service"])
