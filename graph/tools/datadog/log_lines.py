"""Requests to Datadog's logs, and what a line of them says."""

import json
from typing import Any

from datadog_api_client.v2.api.logs_api import LogsApi
from datadog_api_client.v2.model.logs_aggregate_request import LogsAggregateRequest
from datadog_api_client.v2.model.logs_aggregate_sort import LogsAggregateSort
from datadog_api_client.v2.model.logs_aggregate_sort_type import LogsAggregateSortType
from datadog_api_client.v2.model.logs_aggregation_function import LogsAggregationFunction
from datadog_api_client.v2.model.logs_compute import LogsCompute
from datadog_api_client.v2.model.logs_compute_type import LogsComputeType
from datadog_api_client.v2.model.logs_group_by import LogsGroupBy
from datadog_api_client.v2.model.logs_list_request import LogsListRequest
from datadog_api_client.v2.model.logs_list_request_page import LogsListRequestPage
from datadog_api_client.v2.model.logs_query_filter import LogsQueryFilter
from datadog_api_client.v2.model.logs_sort import LogsSort
from datadog_api_client.v2.model.logs_sort_order import LogsSortOrder

from graph.tools.datadog.client import Asking
from graph.tools.window import iso

LINE_LIMIT = 500
"""Characters of one line that are kept."""
NEAR_LIMIT = 12
Lines = list[dict[str, Any]]
"""Rows with time, level, service, host and message, all text."""


async def page_of_lines(
    ask: Asking, query: str, size: int, cursor: str
) -> tuple[Lines, str | None]:
    """The newest lines after the cursor, and the cursor of the next."""
    at = LogsListRequestPage(limit=size, **({"cursor": cursor} if cursor else {}))
    body = LogsListRequest(filter=_filter(ask, query), page=at, sort=LogsSort.TIMESTAMP_DESCENDING)
    answer = await ask(LogsApi, "list_logs", body=body)
    following = ((answer.get("meta") or {}).get("page") or {}).get("after")
    return [_line(entry) for entry in answer["data"]], following


async def count_of_lines(ask: Asking, query: str) -> int:
    """How many lines match."""
    return sum(group["count"] for group in await groups_of_lines(ask, query, [], 1))


async def groups_of_lines(
    ask: Asking, query: str, facets: list[str], limit: int
) -> list[dict[str, Any]]:
    """The facets and `count` of each group of lines, the largest first."""
    sort = LogsAggregateSort(
        aggregation=LogsAggregationFunction.COUNT,
        order=LogsSortOrder.DESCENDING,
        type=LogsAggregateSortType.MEASURE,
    )
    body = LogsAggregateRequest(
        compute=[
            LogsCompute(aggregation=LogsAggregationFunction.COUNT, type=LogsComputeType.TOTAL)
        ],
        filter=_filter(ask, query),
        group_by=[LogsGroupBy(facet=facet, limit=limit, sort=sort) for facet in facets],
    )
    answer = await ask(LogsApi, "aggregate_logs", body=body)
    groups = [
        {
            **{facet: (bucket.get("by") or {}).get(facet) for facet in facets},
            "count": round((bucket.get("computes") or {}).get("c0") or 0),
        }
        for bucket in answer["data"].get("buckets") or []
    ]
    return sorted(groups, key=lambda group: -group["count"])


async def services_with_lines(ask: Asking) -> str:
    """Words about the services that have any lines in the window."""
    groups = await groups_of_lines(ask, "*", ["service"], NEAR_LIMIT)
    names = ", ".join(f"{group['service']} {group['count']}" for group in groups)
    return f"services with logs in that window: {names}" if names else "no service has logs in it"


def _filter(ask: Asking, query: str) -> LogsQueryFilter:
    assert ask.window is not None
    return LogsQueryFilter(query=query or "*", _from=iso(ask.window.start), to=iso(ask.window.end))


def _line(entry: dict[str, Any]) -> dict[str, Any]:
    told = entry.get("attributes") or {}
    message = told.get("message") or json.dumps(told.get("attributes") or {}, default=str)
    return {
        "time": str(told.get("timestamp") or ""),
        "level": str(told.get("status") or ""),
        "service": str(told.get("service") or ""),
        "host": str(told.get("host") or ""),
        "message": str(message)[:LINE_LIMIT],
    }
