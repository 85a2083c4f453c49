"""Logs of the Datadog double: POST /api/v2/logs/events/search and /logs/analytics/aggregate.

A kind of line is judged once where its template says enough; lines are made only to be shown,
or where a search hangs on what differs from line to line.
"""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from lab.datadog.aggregate import Aggregation, buckets
from lab.datadog.asked import Asked, Key, Listing, iso_ms, links, meta
from lab.datadog.measure import Sample
from lab.datadog.search import Search, Subject
from lab.datadog.tags import fields_of, written
from lab.signals import Log
from lab.story import Line, Story


def search(story: Story, asked: Asked) -> dict[str, Any]:
    """One page of lines, the newest first unless asked otherwise, and the cursor of the next.

    Raises Refused(400) for a query, time or cursor that is none.
    """
    listing = asked.as_(Listing)
    start, end, _ = listing.bounds(story)
    wanted = listing.filter.search()
    kinds = [
        _lines(story, log, wanted, (start, end), listing.descending)
        for log in story.incident.signals.log
    ]
    lines = heapq.merge(*kinds, key=_key, reverse=listing.descending)
    page, cursor = listing.paged(story, lines, _key)
    data = [_shown(story, line) for line in page]
    return {"data": data, "meta": meta(cursor), **links("/api/v2/logs/events", cursor)}


def aggregate(story: Story, asked: Asked) -> dict[str, Any]:
    """How many lines in each group. Raises Refused(400) as `search` does."""
    aggregation = asked.as_(Aggregation)
    wanted = aggregation.filter.search()

    def samples(start: datetime, end: datetime, names: frozenset[str]) -> Iterator[Sample]:
        for log in story.incident.signals.log:
            yield from _samples(story, log, wanted, (start, end), "host" in names)

    found = buckets(aggregation, story, samples)
    return {
        "data": {"buckets": [{"by": by, "computes": computes} for by, computes in found]},
        "meta": meta(),
    }


def _samples(
    story: Story, log: Log, wanted: Search, window: tuple[datetime, datetime], by_host: bool
) -> Iterator[Sample]:
    """How many lines of a kind are wanted, by host where that matters."""
    kinds = _kinds(story, log)
    verdicts = {host: wanted(kind) for host, kind in kinds.items()}
    indexes = story.indexes(log, *window)
    first = next(iter(kinds.values()))
    if set(verdicts.values()) == {True} and (len(kinds) == 1 or not by_host):
        yield Sample(first.fields, len(indexes), {})
    elif None in verdicts.values():
        for line in _lines(story, log, wanted, window, newest_first=False):
            yield Sample(kinds[line.host].fields, 1, {})
    elif True in verdicts.values():
        for host, count in Counter(story.host(log, index) for index in indexes).items():
            if verdicts[host]:
                yield Sample(kinds[host].fields, count, {})


def _lines(
    story: Story, log: Log, wanted: Search, window: tuple[datetime, datetime], newest_first: bool
) -> Iterator[Line]:
    kinds = _kinds(story, log)
    verdicts = {host: wanted(kind) for host, kind in kinds.items()}
    if set(verdicts.values()) == {False}:
        return
    indexes = story.indexes(log, *window)
    for index in reversed(indexes) if newest_first else indexes:
        host = story.host(log, index)
        if verdicts[host] is False:
            continue
        line = story.line(log, index)
        if verdicts[host] or wanted(replace(kinds[host], text=line.message)):
            yield line


def _kinds(story: Story, log: Log) -> dict[str, Subject]:
    """What all lines of that kind on a host have in common."""
    return {
        host: Subject({**fields_of(story, log.service, host), "status": (log.level,)}, log.message)
        for host in story.hosts(log.service) or ("",)
    }


def _key(line: Line) -> Key:
    return line.at, line.id


def _shown(story: Story, line: Line) -> dict[str, Any]:
    host = {"host": line.host} if line.host else {}
    return {
        "id": line.id,
        "type": "log",
        "attributes": {
            "timestamp": iso_ms(line.at),
            "service": line.service,
            "status": line.level,
            **host,
            "message": line.message,
            "tags": written(fields_of(story, line.service, line.host)),
            "attributes": {},
        },
    }
