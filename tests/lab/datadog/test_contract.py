"""The official client reads every answer whole: nothing unparsed, no field it does not know."""

from collections.abc import Iterator
from typing import Any

import pytest
from datadog_api_client import ApiClient
from datadog_api_client.model_utils import ModelComposed, ModelNormal, OpenApiModel, UnparsedObject
from datadog_api_client.v1.api.authentication_api import AuthenticationApi
from datadog_api_client.v1.api.metrics_api import MetricsApi as MetricsApiV1
from datadog_api_client.v1.api.monitors_api import MonitorsApi
from datadog_api_client.v1.api.service_level_objectives_api import ServiceLevelObjectivesApi
from datadog_api_client.v2.api.events_api import EventsApi
from datadog_api_client.v2.api.incidents_api import IncidentsApi
from datadog_api_client.v2.api.logs_api import LogsApi
from datadog_api_client.v2.api.metrics_api import MetricsApi
from datadog_api_client.v2.api.spans_api import SpansApi
from datadog_api_client.v2.model.events_list_request import EventsListRequest
from datadog_api_client.v2.model.events_query_filter import EventsQueryFilter
from datadog_api_client.v2.model.logs_aggregate_request import LogsAggregateRequest
from datadog_api_client.v2.model.logs_list_request import LogsListRequest
from datadog_api_client.v2.model.logs_query_filter import LogsQueryFilter
from datadog_api_client.v2.model.spans_aggregate_request import SpansAggregateRequest
from datadog_api_client.v2.model.spans_list_request import SpansListRequest
from datadog_api_client.v2.model.timeseries_formula_query_request import (
    TimeseriesFormulaQueryRequest,
)

from lab.datadog import DatadogDouble
from tests.lab.datadog.conftest import NOW, ask

HOUR_MS = 3_600_000
NOW_MS = round(NOW.timestamp() * 1000)
SPAN_FILTER = {"query": "service:cart-service", "_from": "now-1h", "to": "now"}
COUNTS = [{"aggregation": "count"}, {"aggregation": "count", "type": "timeseries"}]
GROUPS = [{"facet": "service"}, {"facet": "status", "limit": 3}]


def timeseries(*queries: str, formulas: tuple[str, ...] = ()) -> Any:
    attributes = {
        "_from": NOW_MS - HOUR_MS,
        "to": NOW_MS,
        "interval": 60_000,
        "queries": [
            {"data_source": "metrics", "query": query, "name": name}
            for name, query in zip("ab", queries, strict=False)
        ],
        "formulas": [{"formula": formula} for formula in formulas],
    }
    data: Any = {"type": "timeseries_request", "attributes": attributes}
    return TimeseriesFormulaQueryRequest(data=data)


def listing(model: Any, search: Any) -> Any:
    return model(filter=search(query="*", _from="now-7d", to="now"))


def spans(model: Any, kind: str, **attributes: Any) -> Any:
    return model(data={"attributes": {"filter": SPAN_FILTER, **attributes}, "type": kind})


LOG_GROUPS: Any = {"compute": COUNTS, "group_by": GROUPS}
DURATION = {"aggregation": "pc99", "metric": "@duration"}
QUESTIONS: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "validate": (AuthenticationApi, "validate", {}),
    "metric names": (MetricsApiV1, "list_metrics", {"q": "metrics:trace"}),
    "metrics by tag": (
        MetricsApi,
        "list_tag_configurations",
        {"filter_tags": "service IN (cart-service,api-gateway)", "page_size": 2},
    ),
    "active metrics": (
        MetricsApiV1,
        "list_active_metrics",
        {"_from": NOW_MS // 1000 - 3600, "tag_filter": "service:cart-service"},
    ),
    "metric tags": (MetricsApi, "list_tags_by_metric_name", {"metric_name": "hikari.pending"}),
    "timeseries": (
        MetricsApi,
        "query_timeseries_data",
        {
            "body": timeseries(
                "p99:trace.http.request{service:cart-service} by {service}",
                "sum:trace.http.request.hits{*}.as_rate()",
            )
        },
    ),
    "formula": (
        MetricsApi,
        "query_timeseries_data",
        {
            "body": timeseries(
                "sum:trace.http.request.errors{*} by {service}",
                "sum:trace.http.request.hits{*} by {service}",
                formulas=("a / b * 100",),
            )
        },
    ),
    "logs": (LogsApi, "list_logs", {"body": listing(LogsListRequest, LogsQueryFilter)}),
    "log groups": (LogsApi, "aggregate_logs", {"body": LogsAggregateRequest(**LOG_GROUPS)}),
    "monitors": (MonitorsApi, "search_monitors", {"query": "status:alert"}),
    "events": (EventsApi, "search_events", {"body": listing(EventsListRequest, EventsQueryFilter)}),
    "spans": (SpansApi, "list_spans", {"body": spans(SpansListRequest, "search_request")}),
    "span groups": (
        SpansApi,
        "aggregate_spans",
        {
            "body": spans(
                SpansAggregateRequest,
                "aggregate_request",
                compute=[*COUNTS, DURATION],
                group_by=[{"facet": "resource_name"}, {"facet": "status"}],
            )
        },
    ),
    "incidents": (IncidentsApi, "search_incidents", {"query": "state:active"}),
    "objectives": (ServiceLevelObjectivesApi, "search_slo", {}),
}


async def asked(client: ApiClient, api: Any, operation: str, arguments: dict[str, Any]) -> Any:
    return await ask(getattr(api(client), operation), **arguments)


def faults(value: Any, place: str) -> Iterator[str]:
    """Where in an answer the client did not understand."""
    if isinstance(value, UnparsedObject) or getattr(value, "_unparsed", False):
        yield f"{place} is unparsed"
        return
    parts: dict[str, Any] = {}
    if isinstance(value, ModelComposed):
        parts = {f"<{n}>": part for n, part in enumerate(value._composed_instances)}
    elif isinstance(value, OpenApiModel):
        parts = {f".{name}": part for name, part in value._data_store.items()}
        if isinstance(value, ModelNormal) and value.attribute_map:
            unknown = value._data_store.keys() - value.attribute_map.keys()
            yield from (f"{place}.{name} is unknown" for name in unknown)
    elif isinstance(value, list):
        parts = {f"[{number}]": part for number, part in enumerate(value)}
    elif isinstance(value, dict):
        parts = {f".{name}": part for name, part in value.items()}
    for name, part in parts.items():
        yield from faults(part, f"{place}{name}")


def size(value: Any) -> int:
    """How many parts an answer has."""
    if isinstance(value, dict):
        return 1 + sum(map(size, value.values()))
    return 1 + sum(map(size, value)) if isinstance(value, list) else 1


@pytest.mark.filterwarnings("ignore:list_metrics is deprecated")
@pytest.mark.filterwarnings("ignore:Using unstable operation 'search_incidents'")
@pytest.mark.parametrize("question", QUESTIONS)
async def test_the_official_client_understands_all_of_an_answer(
    client: ApiClient, double: DatadogDouble, question: str
) -> None:
    answer = await asked(client, *QUESTIONS[question])
    assert list(faults(answer, "answer")) == []
    assert size(answer.to_dict()) > (1 if question == "validate" else 5), "it is not empty"
    assert {seen.status for seen in double.requests} == {200}


async def test_the_official_client_understands_the_history_of_an_objective(
    client: ApiClient,
) -> None:
    listed = await asked(client, ServiceLevelObjectivesApi, "search_slo", {})
    [first, _] = listed.data.attributes.slos
    times = {"from_ts": NOW_MS // 1000 - 604_800, "to_ts": NOW_MS // 1000}
    arguments = {"slo_id": first.data.id, **times}
    answer = await asked(client, ServiceLevelObjectivesApi, "get_slo_history", arguments)
    assert list(faults(answer, "answer")) == []
    assert answer.data.overall.sli_value == 99.1


async def test_the_checker_of_this_module_sees_what_is_unparsed_and_what_is_unknown(
    client: ApiClient,
) -> None:
    answer = await asked(client, MonitorsApi, "search_monitors", {})
    monitor = answer.monitors[0]
    monitor._data_store["colour"] = "red"
    answer.monitors[1]._unparsed = True
    found = {fault.rpartition("]")[2] for fault in faults(answer, "answer")}
    assert found == {".colour is unknown", " is unparsed"}
