"""Monitors of the Datadog double."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from lab.datadog.asked import Asked, Refused, searched
from lab.datadog.search import Subject
from lab.datadog.tags import fields_of, written
from lab.signals import Monitor
from lab.story import Story

_TYPES = {
    "logs(": "log alert",
    "trace-analytics(": "trace-analytics alert",
    "events(": "event-v2 alert",
    "error_budget(": "slo alert",
}


def monitors(story: Story, asked: Asked) -> dict[str, Any]:
    """GET /api/v1/monitor/search: a page of monitors, and how many there are of each status.

    Raises Refused(400) for a query, page or sort that is none.
    """
    wanted = searched(asked.query.get("query", ""))
    shown = [_monitor(story, entry) for entry in story.incident.signals.monitor]
    found = [entry for entry in shown if wanted(_monitor_subject(entry))]
    field, _, order = asked.query.get("sort", "name,asc").partition(",")
    if field not in ("name", "status", "tags") or order not in ("", "asc", "desc"):
        raise Refused(400, "The value provided for parameter 'sort' is invalid")
    found.sort(key=lambda entry: (entry[field], entry["id"]), reverse=order == "desc")
    page, per_page = asked.number("page", 0), max(1, asked.number("per_page", 30))
    return {
        "monitors": found[page * per_page : (page + 1) * per_page],
        "counts": {
            "status": counted(entry["status"] for entry in found),
            "type": counted(entry["type"] for entry in found),
            "tag": counted(tag for entry in found for tag in entry["tags"]),
            "muted": counted(False for _ in found),
        },
        "metadata": {
            "page": page,
            "per_page": per_page,
            "page_count": math.ceil(len(found) / per_page),
            "total_count": len(found),
        },
    }


def _monitor(story: Story, entry: Monitor) -> dict[str, Any]:
    kinds = (kind for start, kind in _TYPES.items() if entry.query.startswith(start))
    ago = entry.minutes_ago
    return {
        "id": 10_000_000 + int(hashlib.sha256(entry.name.encode()).hexdigest()[:8], 16),
        "name": entry.name,
        "type": next(kinds, "query alert"),
        "query": entry.query,
        "status": entry.status,
        "tags": written(fields_of(story, entry.service)),
        "last_triggered_ts": None if ago is None else round(story.ago(ago).timestamp()),
        "scopes": [],
        "metrics": [],
        "notifications": [],
    }


def _monitor_subject(entry: dict[str, Any]) -> Subject:
    by_tag = {tag.partition(":")[0]: (tag.partition(":")[2],) for tag in entry["tags"]}
    fields = {
        **by_tag,
        "tag": tuple(entry["tags"]),
        "status": (entry["status"],),
        "type": (entry["type"], entry["type"].partition(" ")[0]),
        "muted": ("false",),
        "id": (str(entry["id"]),),
    }
    return Subject(fields, entry["name"])


def counted(names: Iterator[Any]) -> list[dict[str, Any]]:
    """How often each name comes, the most frequent first."""
    return [{"name": name, "count": count} for name, count in Counter(names).most_common()]
