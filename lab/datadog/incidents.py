"""Declared incidents of the Datadog double."""

import hashlib
import uuid
from typing import Any

from lab.datadog.asked import Asked, Refused, iso_ms, searched
from lab.datadog.monitors import counted
from lab.datadog.search import Subject
from lab.signals import Declared
from lab.story import Story


def incidents(story: Story, asked: Asked) -> dict[str, Any]:
    """GET /api/v2/incidents/search: a page of declared incidents, the newest first.

    Raises Refused(400) for a query, page or sort that is none, or without a query.
    """
    if "query" not in asked.query:
        raise Refused(400, "missing required parameter 'query'")
    wanted = searched(asked.query["query"])
    found = [entry for entry in story.incident.signals.declared if wanted(_declared_subject(entry))]
    is_oldest_first = asked.query.get("sort", "-created") == "created"
    found.sort(key=lambda entry: entry.minutes_ago, reverse=is_oldest_first)
    size, offset = asked.number("page[size]", 10), asked.number("page[offset]", 0)
    page = found[offset : offset + size]
    facets = {
        "severity": counted(entry.severity for entry in found),
        "state": counted(entry.state for entry in found),
    }
    pagination = {"offset": offset, "next_offset": offset + len(page), "size": size}
    return {
        "data": {
            "type": "incidents_search_results",
            "attributes": {
                "facets": facets,
                "incidents": [{"data": _declared(story, entry)} for entry in page],
                "total": len(found),
            },
        },
        "meta": {"pagination": pagination},
    }


def _declared_subject(entry: Declared) -> Subject:
    fields = {
        "state": (entry.state,),
        "severity": (entry.severity,),
        "services": (entry.service,),
        "service": (entry.service,),
    }
    return Subject(fields, entry.title)


def _declared(story: Story, entry: Declared) -> dict[str, Any]:
    at = iso_ms(story.ago(entry.minutes_ago))
    return {
        "id": str(uuid.UUID(hashlib.sha256(entry.title.encode()).hexdigest()[:32])),
        "type": "incidents",
        "attributes": {
            "title": entry.title,
            "public_id": 1 + story.incident.signals.declared.index(entry),
            "severity": entry.severity,
            "state": entry.state,
            "created": at,
            "declared": at,
            "detected": at,
            "modified": at,
            "customer_impacted": False,
            "fields": {
                "severity": {"type": "dropdown", "value": entry.severity},
                "state": {"type": "dropdown", "value": entry.state},
                "services": {"type": "autocomplete", "value": [entry.service]},
            },
        },
    }
