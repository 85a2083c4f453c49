"""Which questions the Datadog double answers; all of them read."""

import re
from collections.abc import Callable
from typing import Any

from lab.datadog import catalog, events, incidents, logs, metrics, monitors, objectives, spans
from lab.datadog.asked import Asked
from lab.story import Story

Answer = Callable[[Story, Asked], dict[str, Any]]
VALIDATE = "/api/v1/validate"
"""The one question that needs no application key."""


def _valid(_story: Story, _asked: Asked) -> dict[str, Any]:
    return {"valid": True}


_ROUTES: tuple[tuple[str, str, Answer], ...] = (
    ("GET", VALIDATE, _valid),
    ("GET", "/api/v1/search", catalog.names),
    ("GET", "/api/v1/metrics", catalog.active),
    ("GET", "/api/v2/metrics", catalog.configured),
    ("GET", "/api/v2/metrics/{metric_name}/all-tags", catalog.all_tags),
    ("POST", "/api/v2/query/timeseries", metrics.timeseries),
    ("POST", "/api/v2/logs/events/search", logs.search),
    ("POST", "/api/v2/logs/analytics/aggregate", logs.aggregate),
    ("GET", "/api/v1/monitor/search", monitors.monitors),
    ("POST", "/api/v2/events/search", events.search),
    ("POST", "/api/v2/spans/events/search", spans.search),
    ("POST", "/api/v2/spans/analytics/aggregate", spans.aggregate),
    ("GET", "/api/v2/incidents/search", incidents.incidents),
    ("GET", "/api/v1/slo/search", objectives.objectives),
    ("GET", "/api/v1/slo/{slo_id}/history", objectives.history),
)
_PATTERNS = [
    (method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), answer)
    for method, path, answer in _ROUTES
]


def find(method: str, path: str) -> tuple[Answer, dict[str, str]] | None:
    """Who answers, and the words of the path that vary; None where nobody does."""
    for known, pattern, answer in _PATTERNS:
        if known == method and (found := pattern.fullmatch(path)):
            return answer, found.groupdict()
    return None
