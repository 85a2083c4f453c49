"""The spans that follow from the calls of a topology."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise

from lab.datadog.latency import Latency
from lab.datadog.search import Subject
from lab.datadog.tags import fields_of
from lab.signals import Metric
from lab.story import Story, usual_error_rate
from lab.topology import Call

HITS = "trace.http.request.hits"
"""The metric that says how many calls a component gets."""
SPREAD = 200
"""Into how many durations a call's latencies are cut."""
_NS_PER_MS = 1e6


@dataclass(frozen=True)
class Flow:
    """Spans that are alike: one call, before or in the trouble, failing or not."""

    name: str
    fields: Mapping[str, Sequence[str]]
    hosts: tuple[str, ...]
    start: datetime
    end: datetime
    per_min: float
    latency: Latency

    @cached_property
    def durations(self) -> list[int]:
        """Its durations in nanoseconds, each as frequent as the others."""
        shares = ((place + 0.5) / SPREAD for place in range(SPREAD))
        return [round(self.latency.quantile(share) * _NS_PER_MS) for share in shares]

    def indexes(self, start: datetime, end: datetime) -> range:
        """The numbers of its spans in that time, oldest first."""
        first = max(start, self.start)
        last = max(first, min(end, self.end))
        rate = self.per_min / 60
        return range(math.ceil(first.timestamp() * rate), math.ceil(last.timestamp() * rate))


@dataclass(frozen=True)
class Span:
    """One span; its duration in nanoseconds."""

    at: datetime
    id: str
    host: str
    duration: int
    flow: Flow

    @property
    def subject(self) -> Subject:
        """What a search is held against."""
        host = {"host": (self.host,)} if self.host else {}
        fields = {**self.flow.fields, **host, "duration": (str(self.duration),)}
        return Subject({**fields, "span_id": (self.id[:16],), "trace_id": (self.id,)})


def flows_of(story: Story) -> Iterator[Flow]:
    """Each call before the trouble began and since, well and failing; empty ones are left out.

    Where the incident writes down that a component's traffic changed, so do the calls of it.
    """
    began = story.ago(story.incident.signals.began_minutes_ago)
    rates = _rates(story)
    for call in story.topology.call:
        part = call.baseline_p99_latency_ms / call.p99_latency_ms if call.p99_latency_ms else 1.0
        usual = Latency(call.avg_latency_ms * min(1.0, part), call.baseline_p99_latency_ms)
        now = Latency(call.avg_latency_ms, call.p99_latency_ms)
        for start, end, rate in _spells(story, began, rates.get(call.target)):
            latency, failing = (
                (now, call.error_rate) if start >= began else (usual, usual_error_rate(call))
            )
            for status, share in (("ok", 1 - failing), ("error", failing)):
                if share * rate * call.requests_per_min > 0:
                    yield Flow(
                        f"{call.source} {call.target} {status}",
                        _fields(story, call, status),
                        story.hosts(call.source),
                        start,
                        end,
                        share * rate * call.requests_per_min,
                        latency,
                    )


def _rates(story: Story) -> dict[str, Metric]:
    """The written traffic of the components whose traffic changed, by name."""
    return {
        metric.tags["service"]: metric
        for metric in story.incident.signals.metric
        if metric.name == HITS
        and set(metric.tags) == {"service"}
        and metric.now > 0
        and not metric.gradual
    }


def _spells(
    story: Story, began: datetime, hits: Metric | None
) -> Iterator[tuple[datetime, datetime, float]]:
    """Times in which nothing changes, with the part of the calls of now, oldest first."""
    changes = {story.now - timedelta(days=30), began, story.now}
    since = began
    if hits is not None and hits.since_minutes_ago is not None:
        since = story.ago(hits.since_minutes_ago)
        changes.add(since)
    for start, end in pairwise(sorted(changes)):
        yield start, end, hits.normal / hits.now if hits and start < since else 1.0


def _fields(story: Story, call: Call, status: str) -> dict[str, tuple[str, ...]]:
    databases = {entry.name for entry in story.topology.database}
    is_query = call.target in databases
    return {
        **fields_of(story, call.source),
        "resource_name": (call.target,),
        "peer.service": (call.target,),
        "operation_name": ("db.query" if is_query else "http.request",),
        "type": ("db" if is_query else "http",),
        "status": (status,),
    }
