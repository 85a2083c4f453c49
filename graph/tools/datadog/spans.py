"""Questions to Datadog's spans: how many, how slow, how many fail, per group."""

from collections.abc import Mapping
from typing import Annotated, Any

from datadog_api_client.v2.api.spans_api import SpansApi
from datadog_api_client.v2.model.spans_aggregate_data import SpansAggregateData
from datadog_api_client.v2.model.spans_aggregate_request import SpansAggregateRequest
from datadog_api_client.v2.model.spans_aggregate_request_attributes import (
    SpansAggregateRequestAttributes,
)
from datadog_api_client.v2.model.spans_aggregate_request_type import SpansAggregateRequestType
from datadog_api_client.v2.model.spans_aggregate_sort import SpansAggregateSort
from datadog_api_client.v2.model.spans_aggregate_sort_type import SpansAggregateSortType
from datadog_api_client.v2.model.spans_aggregation_function import SpansAggregationFunction
from datadog_api_client.v2.model.spans_compute import SpansCompute
from datadog_api_client.v2.model.spans_compute_type import SpansComputeType
from datadog_api_client.v2.model.spans_group_by import SpansGroupBy
from datadog_api_client.v2.model.spans_query_filter import SpansQueryFilter
from datadog_api_client.v2.model.spans_sort_order import SpansSortOrder
from pydantic import Field

from graph.tools.datadog.client import SOURCE, Asking, Datadog, together
from graph.tools.datadog.links import page
from graph.tools.datadog.search_text import narrowed
from graph.tools.result import ToolResult, table
from graph.tools.series import rounded
from graph.tools.window import Window, WindowText, iso

GROUPS = 200
"""Groups that are looked at: those with the most spans."""
MEASURES = {
    "p50_ms": SpansAggregationFunction.MEDIAN,
    "p95_ms": SpansAggregationFunction.PERCENTILE_95,
    "p99_ms": SpansAggregationFunction.PERCENTILE_99,
}
Measures = Mapping[str, SpansAggregationFunction]
_COLUMNS = ("count", "errors_percent", *MEASURES)
_NS_PER_MS = 1_000_000
_NEAR = 12
_FAILING_PERCENT = 1.0
"""From here on a group comes before the slow ones."""


class Spans:
    """Asks POST /api/v2/spans/analytics/aggregate."""

    def __init__(self, datadog: Datadog) -> None:
        self._datadog = datadog

    async def search_spans(
        self,
        query: Annotated[
            str, Field(max_length=1000, description="Such as service:x operation_name:http.request")
        ],
        window: WindowText = "last 1h",
        group_by: Annotated[
            str,
            Field(
                min_length=1,
                max_length=100,
                description="resource_name, service, operation_name, host, @field",
            ),
        ] = "resource_name",
        limit: Annotated[int, Field(ge=1, le=GROUPS)] = 30,
    ) -> ToolResult:
        """Summarise Datadog spans per group: count, errors, latencies; failing and slow ones first.

        It counts indexed spans, which are a part of the traffic: compare counts, do not add them.
        """
        span = Window.parse(window)
        with self._datadog.asking(f"spans {query!r} by {group_by}", span) as ask:
            every, failing = await together(
                _groups(ask, narrowed(query), group_by, MEASURES),
                _groups(ask, narrowed(query, "status:error"), group_by, {}),
            )
            errors = {row[group_by]: row["count"] for row in failing}
            rows = [_row(group_by, row, errors.pop(row[group_by], 0)) for row in every]
            rows.sort(key=_worst_first)
            kept = rows[:limit]
            notes = _notes(len(every), len(rows) - len(kept), len(errors))
            if not rows:
                notes = [await _instead(ask, query, group_by)]
            return ToolResult(
                status="ok" if rows else "no_data",
                source=SOURCE,
                query=ask.question,
                window=str(span),
                matched=len(rows),
                returned=len(kept),
                url=page(self._datadog.site, "apm/traces", span, query=query),
                text=ask.text(table([group_by, *_COLUMNS], kept) if rows else "", notes),
                data=kept,
            )


async def _groups(ask: Asking, query: str, facet: str, measures: Measures) -> list[dict[str, Any]]:
    """Per group the facet, `count`, and the measures of the durations in nanoseconds."""
    answer = await ask(SpansApi, "aggregate_spans", body=_body(ask, query, facet, measures))
    rows = []
    for bucket in answer["data"]:
        told = bucket.get("attributes") or {}
        by = told.get("by") or {}
        # The answer's field is `computes`; its own reference also shows `compute`.
        computed = told.get("computes") or told.get("compute") or {}
        values = {name: computed.get(f"c{place}") for place, name in enumerate(measures, start=1)}
        rows.append({facet: by.get(facet), "count": round(computed.get("c0") or 0), **values})
    return rows


def _body(ask: Asking, query: str, facet: str, measures: Measures) -> SpansAggregateRequest:
    assert ask.window is not None
    total = SpansComputeType.TOTAL
    sort = SpansAggregateSort(
        aggregation=SpansAggregationFunction.COUNT,
        order=SpansSortOrder.DESCENDING,
        type=SpansAggregateSortType.MEASURE,
    )
    attributes = SpansAggregateRequestAttributes(
        compute=[
            SpansCompute(aggregation=SpansAggregationFunction.COUNT, type=total),
            *(
                SpansCompute(aggregation=measure, metric="@duration", type=total)
                for measure in measures.values()
            ),
        ],
        filter=SpansQueryFilter(query=query, _from=iso(ask.window.start), to=iso(ask.window.end)),
        group_by=[SpansGroupBy(facet=facet, limit=GROUPS, sort=sort)],
    )
    return SpansAggregateRequest(
        data=SpansAggregateData(
            attributes=attributes, type=SpansAggregateRequestType.AGGREGATE_REQUEST
        )
    )


def _row(facet: str, group: dict[str, Any], errors: int) -> dict[str, Any]:
    latencies = {
        name: None if group[name] is None else rounded(group[name] / _NS_PER_MS)
        for name in MEASURES
    }
    count = group["count"]
    percent = rounded(100 * min(errors, count) / count) if count else 0.0
    return {facet: group[facet], "count": count, "errors_percent": percent, **latencies}


def _worst_first(row: dict[str, Any]) -> tuple[float, float]:
    errors = row["errors_percent"]
    return -(errors if errors >= _FAILING_PERCENT else 0.0), -(row["p99_ms"] or 0.0)


def _notes(looked_at: int, cut: int, unseen: int) -> list[str]:
    notes = [f"[{cut} further groups, faster and failing less]"] if cut else []
    if looked_at >= GROUPS:
        notes.append(f"[only the {GROUPS} largest groups were looked at; narrow the query]")
    if unseen:
        notes.append(f"[{unseen} groups with errors are not among them]")
    return notes


async def _instead(ask: Asking, query: str, facet: str) -> str:
    """Words about what spans there are, when there is no group."""
    matching = await _groups(ask, narrowed(query), "service", {}) if facet != "service" else []
    said = f"spans match, but none has {facet!r}" if matching else "no span matches"
    found = matching or await _groups(ask, "*", "service", {})
    shown = ", ".join(str(row["service"]) for row in found[:_NEAR])
    near = f"services with spans in that window: {shown}" if shown else "no service has spans in it"
    return f"{said}; {near}"
