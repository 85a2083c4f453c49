"""The smallest question to Datadog for each read that the tools send."""

from collections.abc import Awaitable, Callable
from typing import Any

from datadog_api_client.v1.api.monitors_api import MonitorsApi
from datadog_api_client.v1.api.service_level_objectives_api import ServiceLevelObjectivesApi
from datadog_api_client.v2.api.events_api import EventsApi
from datadog_api_client.v2.api.incidents_api import IncidentsApi
from datadog_api_client.v2.api.metrics_api import MetricsApi
from datadog_api_client.v2.api.spans_api import SpansApi
from datadog_api_client.v2.model.events_list_request import EventsListRequest
from datadog_api_client.v2.model.events_query_filter import EventsQueryFilter
from datadog_api_client.v2.model.events_request_page import EventsRequestPage
from datadog_api_client.v2.model.metrics_data_source import MetricsDataSource
from datadog_api_client.v2.model.metrics_timeseries_query import MetricsTimeseriesQuery
from datadog_api_client.v2.model.spans_aggregate_data import SpansAggregateData
from datadog_api_client.v2.model.spans_aggregate_request import SpansAggregateRequest
from datadog_api_client.v2.model.spans_aggregate_request_attributes import (
    SpansAggregateRequestAttributes,
)
from datadog_api_client.v2.model.spans_aggregate_request_type import SpansAggregateRequestType
from datadog_api_client.v2.model.spans_aggregation_function import SpansAggregationFunction
from datadog_api_client.v2.model.spans_compute import SpansCompute
from datadog_api_client.v2.model.spans_query_filter import SpansQueryFilter
from datadog_api_client.v2.model.timeseries_formula_query_request import (
    TimeseriesFormulaQueryRequest,
)
from datadog_api_client.v2.model.timeseries_formula_request import TimeseriesFormulaRequest
from datadog_api_client.v2.model.timeseries_formula_request_attributes import (
    TimeseriesFormulaRequestAttributes,
)
from datadog_api_client.v2.model.timeseries_formula_request_type import (
    TimeseriesFormulaRequestType,
)

from graph.tools.datadog.client import Asking
from graph.tools.datadog.log_lines import count_of_lines, page_of_lines
from graph.tools.window import Window, iso

Address = tuple[str, str]
"""Method and path, as in `graph.tools.datadog.reads.READS`."""
NOWHERE = "netforge.doctor"
"""A metric that nobody has: it is not to be found where the read is allowed."""
NO_OBJECTIVE = "0" * 32
INTERVAL_MS = 60_000


def _span(ask: Asking) -> Window:
    assert ask.window is not None
    return ask.window


async def _monitors(ask: Asking) -> None:
    await ask(MonitorsApi, "search_monitors", query="", page=0, per_page=1)


async def _metric_names(ask: Asking) -> None:
    await ask(MetricsApi, "list_tag_configurations", window_seconds=3600, page_size=1)


async def _metric_tags(ask: Asking) -> None:
    await ask(MetricsApi, "list_tags_by_metric_name", metric_name=NOWHERE)


async def _timeseries(ask: Asking) -> None:
    span = _span(ask)
    queries: Any = [
        MetricsTimeseriesQuery(
            data_source=MetricsDataSource.METRICS, query=f"avg:{NOWHERE}{{*}}", name="asked"
        )
    ]
    attributes = TimeseriesFormulaRequestAttributes(
        _from=int(span.start.timestamp() * 1000),
        to=int(span.end.timestamp() * 1000),
        interval=INTERVAL_MS,
        queries=queries,
    )
    kind = TimeseriesFormulaRequestType.TIMESERIES_REQUEST
    body = TimeseriesFormulaQueryRequest(
        data=TimeseriesFormulaRequest(attributes=attributes, type=kind)
    )
    await ask(MetricsApi, "query_timeseries_data", body=body)


async def _log_lines(ask: Asking) -> None:
    await page_of_lines(ask, "*", 1, "")


async def _log_counts(ask: Asking) -> None:
    await count_of_lines(ask, "*")


async def _spans(ask: Asking) -> None:
    span = _span(ask)
    attributes = SpansAggregateRequestAttributes(
        compute=[SpansCompute(aggregation=SpansAggregationFunction.COUNT)],
        filter=SpansQueryFilter(query="*", _from=iso(span.start), to=iso(span.end)),
    )
    kind = SpansAggregateRequestType.AGGREGATE_REQUEST
    body = SpansAggregateRequest(data=SpansAggregateData(attributes=attributes, type=kind))
    await ask(SpansApi, "aggregate_spans", body=body)


async def _incidents(ask: Asking) -> None:
    await ask(IncidentsApi, "search_incidents", query="state:active", page_size=1)


async def _objectives(ask: Asking) -> None:
    await ask(ServiceLevelObjectivesApi, "search_slo", query="", page_size=1, page_number=0)


async def _objective_history(ask: Asking) -> None:
    start, end = (int(moment.timestamp()) for moment in (_span(ask).start, _span(ask).end))
    parameters = {"slo_id": NO_OBJECTIVE, "from_ts": start, "to_ts": end}
    await ask(ServiceLevelObjectivesApi, "get_slo_history", **parameters)


async def _events(ask: Asking) -> None:
    span = _span(ask)
    body = EventsListRequest(
        filter=EventsQueryFilter(query="*", _from=iso(span.start), to=iso(span.end)),
        page=EventsRequestPage(limit=1),
    )
    await ask(EventsApi, "search_events", body=body)


ASKED: dict[Address, Callable[[Asking], Awaitable[None]]] = {
    ("GET", "/api/v1/monitor/search"): _monitors,
    ("GET", "/api/v2/metrics"): _metric_names,
    ("GET", "/api/v2/metrics/{metric_name}/all-tags"): _metric_tags,
    ("POST", "/api/v2/query/timeseries"): _timeseries,
    ("POST", "/api/v2/logs/events/search"): _log_lines,
    ("POST", "/api/v2/logs/analytics/aggregate"): _log_counts,
    ("POST", "/api/v2/spans/analytics/aggregate"): _spans,
    ("GET", "/api/v2/incidents/search"): _incidents,
    ("GET", "/api/v1/slo/search"): _objectives,
    ("GET", "/api/v1/slo/{slo_id}/history"): _objective_history,
    ("POST", "/api/v2/events/search"): _events,
}
