"""Which metrics the Datadog double has, and their tags."""

from typing import Any

from lab.datadog.asked import Asked, Refused, searched
from lab.datadog.metric_query import scope
from lab.datadog.search import Subject
from lab.datadog.tags import fields_of
from lab.signals import Metric
from lab.story import Story


def names(story: Story, asked: Asked) -> dict[str, Any]:
    """GET /api/v1/search: the metrics whose name holds the text. Raises Refused(400) without q."""
    text = asked.query.get("q", "")
    if not text:
        raise Refused(400, "The parameter 'q' is required")
    text = text.removeprefix("metrics:").lower()
    found = {metric.name for metric in story.metrics if text in metric.name.lower()}
    return {"results": {"metrics": sorted(found)}}


def configured(story: Story, asked: Asked) -> dict[str, Any]:
    """GET /api/v2/metrics: a page of the metrics with these tags, by name.

    Raises Refused(400) for tags or a page size that is none.
    """
    tags = asked.query.get("filter[tags]", "*")
    wanted = scope(tags, tags)
    found = sorted({m.name for m in story.metrics if wanted(Subject(tags_of(story, m)))})
    size = max(1, asked.number("page[size]", 10_000))
    cursor = asked.query.get("page[cursor]")
    left = [name for name in found if cursor is None or name > cursor]
    pagination = {
        "type": "cursor_limit",
        "limit": size,
        "cursor": cursor,
        "next_cursor": left[size - 1] if len(left) > size else None,
    }
    return {
        "data": [{"id": name, "type": "metrics"} for name in left[:size]],
        "meta": {"pagination": pagination},
    }


def active(story: Story, asked: Asked) -> dict[str, Any]:
    """GET /api/v1/metrics: the metrics that a host or a tag filter has."""
    since = asked.number("from")
    text = asked.query.get("tag_filter", "")
    if host := asked.query.get("host"):
        text = f'host:"{host}" {text}'
    wanted = searched(text)
    found = {m.name for m in story.metrics if wanted(Subject(tags_of(story, m)))}
    return {"from": str(since), "metrics": sorted(found)}


def all_tags(story: Story, asked: Asked) -> dict[str, Any]:
    """GET /api/v2/metrics/{metric_name}/all-tags. Raises Refused(404) for an unknown metric."""
    name = asked.path["metric_name"]
    tags = {
        f"{tag}:{value}"
        for metric in story.metrics
        if metric.name == name
        for tag, values in tags_of(story, metric).items()
        for value in values
    }
    if not tags:
        raise Refused(404, f"Metric {name} not found")
    attributes = {"tags": sorted(tags), "ingested_tags": []}
    return {"data": {"id": name, "type": "metrics", "attributes": attributes}}


def tags_of(story: Story, metric: Metric) -> dict[str, tuple[str, ...]]:
    """A metric's own tags, and those of the component that it is about."""
    component = metric.tags.get("service") or metric.tags.get("database") or ""
    own = {tag: (value,) for tag, value in metric.tags.items()}
    derived = fields_of(story, component)
    derived.pop("service", None)
    return {**derived, **own}
