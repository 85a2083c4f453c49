"""What may be asked of Datadog: an allow-list of reads, held in the official client itself.

The boundary proper are the scopes of the application key; this one holds when they are too wide.
Source: the reference of Datadog's API, https://docs.datadoghq.com/api/latest/.
"""

import copy
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from datadog_api_client import ApiClient, Configuration
from datadog_api_client.model_utils import OpenApiModel
from datadog_api_client.rest import RESTClientObject

from graph.tools.datadog.wire import BoundedPool
from graph.untrusted import printable

CONNECT_TIMEOUT_S = 3.0
_SHOWN = 120


@dataclass(frozen=True)
class Read:
    """A read that is allowed."""

    scope: str
    """What the application key must be granted."""
    part: str
    """The part without which an answer is none."""
    is_checked: bool = True
    """Whether the client holds each value against its type: for thousands that takes seconds."""


READS: dict[tuple[str, str], Read] = {
    ("GET", "/api/v1/monitor/search"): Read("monitors_read", "monitors"),
    ("GET", "/api/v2/metrics"): Read("metrics_read", "data", is_checked=False),
    ("GET", "/api/v2/metrics/{metric_name}/all-tags"): Read("metrics_read", "data"),
    ("POST", "/api/v2/query/timeseries"): Read("timeseries_query", "data"),
    ("POST", "/api/v2/logs/events/search"): Read("logs_read_data", "data", is_checked=False),
    ("POST", "/api/v2/logs/analytics/aggregate"): Read("logs_read_data", "data"),
    ("POST", "/api/v2/spans/analytics/aggregate"): Read("apm_read", "data"),
    ("GET", "/api/v2/incidents/search"): Read("incident_read", "data"),
    ("GET", "/api/v1/slo/search"): Read("slos_read", "data"),
    ("GET", "/api/v1/slo/{slo_id}/history"): Read("slos_read", "data"),
    ("POST", "/api/v2/events/search"): Read("events_read", "data"),
}
"""The requests that may be sent, by method and path. The POSTs are searches."""
KEY_CHECK = {("GET", "/api/v1/validate"): Read("", "valid")}
"""Whether the API key is one, which the doctor asks: it needs neither scope nor application key."""


class WriteRefused(Exception):
    """A request that is not among READS; nothing was sent."""


class NoDatadogAnswer(Exception):
    """HTTP 200 with something that Datadog does not say, as a proxy's page."""


class ReadOnlyClient(ApiClient):
    """The official client, which sends READS and KEY_CHECK; `until` makes one for a question."""

    def __init__(self, configuration: Configuration) -> None:
        super().__init__(configuration)
        self.deadline = 0.0
        self.read: Read | None = None
        """The read that was sent last."""

    def until(self, deadline: float) -> "ReadOnlyClient":
        """The same client, for one thread, which must have ended then (monotonic time)."""
        bounded = copy.copy(self)
        bounded.deadline = deadline
        return bounded

    def call_api(self, resource_path: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """The answer to one request. Raises WriteRefused before anything is sent."""
        self.read = (READS | KEY_CHECK).get((method, resource_path))
        if self.read is None:
            raise WriteRefused(
                f"{method} {resource_path} is not among the reads that are allowed; "
                "nothing was sent"
            )
        left_s = max(self.deadline - time.monotonic(), 0.001)
        kwargs["check_type"] = self.read.is_checked
        kwargs["request_timeout"] = (min(CONNECT_TIMEOUT_S, left_s), left_s)
        return super().call_api(resource_path, method, *args, **kwargs)

    def deserialize(self, response_data: str, response_type: Any, check_type: bool | None) -> Any:
        """The answer as the client's model. Raises NoDatadogAnswer for what is none.

        The client takes an empty object, and any list, for an answer that found nothing.
        """
        part = self.read.part if self.read else ""
        try:
            document = json.loads(response_data)
            is_answer = isinstance(document, dict) and part in document
        except (ValueError, RecursionError):
            is_answer = False
        if not is_answer:
            start = " ".join(printable(response_data[: 2 * _SHOWN]).split())[:_SHOWN]
            raise NoDatadogAnswer(f"the answer is none of Datadog's: {start or 'nothing'}")
        return super().deserialize(response_data, response_type, check_type)

    def _build_rest_client(self) -> Any:
        client = cast(Any, RESTClientObject)(self.configuration)
        client.pool_manager = BoundedPool()
        return client


def unparsed(value: Any) -> int:
    """How many parts of an answer the client does not know: a new kind, or another type."""
    if isinstance(value, OpenApiModel):
        within = sum(map(unparsed, _parts(value)))
        return within or int(value._unparsed)  # noqa: SLF001 (the client's documented mark)
    if isinstance(value, dict):
        return sum(map(unparsed, value.values()))
    return sum(map(unparsed, value)) if isinstance(value, list) else 0


def _parts(model: OpenApiModel) -> Iterator[Any]:
    """The values of a model; a composed one holds its values in the kind that fitted."""
    yield from vars(model).get("_composed_instances", ())
    yield from model._data_store.values()  # noqa: SLF001 (it has no public way to all values)
