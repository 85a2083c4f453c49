"""Spans of the Datadog double: POST /api/v2/spans/events/search and /spans/analytics/aggregate.

They follow from the calls of the topology: before the trouble began with their usual p99, then
with what the topology says. Durations are in nanoseconds.
"""

import hashlib
import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal

from lab.datadog.aggregate import Aggregation, buckets
from lab.datadog.asked import Asked, Key, Listing, Part, iso_ms, links, meta
from lab.datadog.flows import SPREAD, Flow, Span, flows_of
from lab.datadog.measure import Sample
from lab.datadog.search import Search, Subject
from lab.datadog.tags import written
from lab.story import Story

_OPEN = frozenset({"duration", "host", "trace_id", "span_id"})


class _ListingData(Part):
    attributes: Listing
    type: Literal["search_request"] = "search_request"


class ListingRequest(Part):
    """The body of a search for spans."""

    data: _ListingData


class _AggregationData(Part):
    attributes: Aggregation
    type: Literal["aggregate_request"] = "aggregate_request"


class AggregationRequest(Part):
    """The body of a request for groups of spans."""

    data: _AggregationData


def search(story: Story, asked: Asked) -> dict[str, Any]:
    """One page of spans, the newest first unless asked otherwise, and the cursor of the next.

    Raises Refused(400) for a query, time or cursor that is none.
    """
    listing = asked.as_(ListingRequest).data.attributes
    start, end, _ = listing.bounds(story)
    wanted = listing.filter.search()
    flows = [_spans(flow, wanted, (start, end), listing.descending) for flow in flows_of(story)]
    spans = heapq.merge(*flows, key=_key, reverse=listing.descending)
    page, cursor = listing.paged(story, spans, _key)
    data = [_shown(span) for span in page]
    return {"data": data, "meta": meta(cursor), **links("/api/v2/spans/events", cursor)}


def aggregate(story: Story, asked: Asked) -> dict[str, Any]:
    """Counts and durations of each group. Raises Refused(400) as `search` does."""
    aggregation = asked.as_(AggregationRequest).data.attributes
    wanted = aggregation.filter.search()

    flows = list(flows_of(story))
    known: dict[int, tuple[Sample, ...]] = {}

    def samples(start: datetime, end: datetime, names: frozenset[str]) -> Iterator[Sample]:
        for place, flow in enumerate(flows):
            minutes = (min(end, flow.end) - max(start, flow.start)).total_seconds() / 60
            if minutes <= 0:
                continue
            if place not in known:
                known[place] = _shares(flow, wanted, names & _OPEN)
            for sample in known[place]:
                weight = sample.weight * flow.per_min * minutes
                yield Sample(sample.fields, weight, sample.measures)

    return {
        "data": [
            {
                "id": hashlib.sha256(repr(by).encode()).hexdigest()[:16],
                "type": "bucket",
                "attributes": {"by": by, "computes": computes},
            }
            for by, computes in buckets(aggregation, story, samples)
        ],
        "meta": meta(),
    }


def _shares(flow: Flow, wanted: Search, needed: frozenset[str]) -> tuple[Sample, ...]:
    """The spans of a flow that are wanted, each with its part of all spans of the flow."""
    all_wanted = wanted(Subject(flow.fields, open=_OPEN))
    if all_wanted is False:
        return ()
    if all_wanted and not needed:
        return (Sample(flow.fields, 1, {}),)
    hosts = flow.hosts or ("",)
    if all_wanted and "host" not in needed:
        # They differ in nothing that is looked at.
        hosts = ("",)
    spans = [Span(flow.start, "", host, ns, flow) for host in hosts for ns in flow.durations]
    found = spans if all_wanted else [span for span in spans if wanted(span.subject)]
    fields = {host: {**flow.fields, **({"host": (host,)} if host else {})} for host in hosts}
    return tuple(
        Sample(fields[span.host], 1 / len(spans), {"duration": span.duration}) for span in found
    )


def _spans(
    flow: Flow, wanted: Search, window: tuple[datetime, datetime], newest_first: bool
) -> Iterator[Span]:
    all_wanted = wanted(Subject(flow.fields, open=_OPEN))
    indexes = flow.indexes(*window)
    if all_wanted is False or not (all_wanted or _has(flow, wanted)):
        return
    for index in reversed(indexes) if newest_first else indexes:
        seed = hashlib.sha256(f"{flow.name} {index}".encode()).hexdigest()
        number = int(seed[-8:], 16)
        host = flow.hosts[number % len(flow.hosts)] if flow.hosts else ""
        at = datetime.fromtimestamp(index * 60 / flow.per_min, flow.end.tzinfo)
        span = Span(at, seed[:32], host, flow.durations[number % SPREAD], flow)
        if all_wanted or wanted(span.subject):
            yield span


def _has(flow: Flow, wanted: Search) -> bool:
    """Whether any span of it can be wanted: of ids, which are not listed, nothing is known."""
    ids = frozenset({"trace_id", "span_id"})
    return any(
        wanted(Subject({**flow.fields, "host": (host,), "duration": (str(duration),)}, open=ids))
        is not False
        for host in flow.hosts or ("",)
        for duration in flow.durations
    )


def _key(span: Span) -> Key:
    return span.at, span.id


def _shown(span: Span) -> dict[str, Any]:
    fields = {name: values[0] for name, values in span.flow.fields.items()}
    host = {"host": (span.host,)} if span.host else {}
    tags = {
        name: tuple(values)
        for name, values in span.flow.fields.items()
        if name in ("service", "env", "team")
    }
    return {
        "id": span.id,
        "type": "spans",
        "attributes": {
            "service": fields["service"],
            "resource_name": fields["resource_name"],
            "env": fields["env"],
            "type": fields["type"],
            **({"host": span.host} if span.host else {}),
            "start_timestamp": iso_ms(span.at),
            "end_timestamp": iso_ms(span.at + timedelta(microseconds=span.duration / 1000)),
            "trace_id": span.id,
            "span_id": span.id[:16],
            "single_span": False,
            "attributes": {
                "operation_name": fields["operation_name"],
                "status": fields["status"],
            },
            "custom": {
                "duration": span.duration,
                "peer": {"service": fields["peer.service"]},
            },
            "tags": written({**tags, **host}),
        },
    }
