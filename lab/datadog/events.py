"""Events of the Datadog double: POST /api/v2/events/search."""

import hashlib
from datetime import datetime
from typing import Any

from lab.datadog.asked import Asked, Key, Listing, iso_ms, links, meta
from lab.datadog.search import Subject
from lab.datadog.tags import fields_of, written
from lab.signals import Event
from lab.story import Story


def search(story: Story, asked: Asked) -> dict[str, Any]:
    """One page of events, the newest first unless asked otherwise, and the cursor of the next.

    Raises Refused(400) for a query, time or cursor that is none.
    """
    listing = asked.as_(Listing)
    start, end, _ = listing.bounds(story)
    wanted = listing.filter.search()

    def key(event: Event) -> Key:
        return _at(story, event), _id(event)

    found = [
        event
        for event in story.events
        if start <= _at(story, event) <= end and wanted(_subject(story, event))
    ]
    found.sort(key=key, reverse=listing.descending)
    page, cursor = listing.paged(story, found, key)
    data = [_shown(story, event) for event in page]
    return {"data": data, "meta": meta(cursor), **links("/api/v2/events", cursor)}


def _at(story: Story, event: Event) -> datetime:
    return story.ago(event.minutes_ago)


def _id(event: Event) -> str:
    return hashlib.sha256(event.model_dump_json().encode()).hexdigest()[:24]


def _fields(story: Story, event: Event) -> dict[str, tuple[str, ...]]:
    fields = {**fields_of(story, event.service), "source": (event.source,)}
    for entry in story.topology.deployment:
        known = (entry.service, entry.minutes_ago)
        if event.source == "deployment" and (event.service, event.minutes_ago) == known:
            fields |= {"version": (entry.version,), "user": (entry.deployed_by,)}
    return fields


def _subject(story: Story, event: Event) -> Subject:
    return Subject({**_fields(story, event), "status": ("info",)}, f"{event.title}\n{event.text}")


def _shown(story: Story, event: Event) -> dict[str, Any]:
    at = _at(story, event)
    tags = written(_fields(story, event))
    return {
        "id": _id(event),
        "type": "event",
        "attributes": {
            "timestamp": iso_ms(at),
            "message": event.text,
            "tags": tags,
            "attributes": {
                "title": event.title,
                "service": event.service,
                "source_type_name": event.source,
                "status": "info",
                "timestamp": round(at.timestamp() * 1000),
                "tags": tags,
                "evt": {"id": _id(event), "name": event.title, "type": event.source},
            },
        },
    }
