"""SLOs of the Datadog double."""

import hashlib
import math
from typing import Any

from lab.datadog.asked import Asked, Refused, searched
from lab.datadog.search import Subject
from lab.datadog.tags import fields_of, written
from lab.signals import Objective
from lab.story import Story

_HORIZON_DAYS = 7


def objectives(story: Story, asked: Asked) -> dict[str, Any]:
    """GET /api/v1/slo/search: a page of SLOs with their state of the last 7 days."""
    wanted = searched(asked.query.get("query", ""))
    found = [
        entry
        for entry in story.incident.signals.objective
        if wanted(Subject(fields_of(story, entry.service), entry.name))
    ]
    size, number = max(1, asked.number("page[size]", 10)), asked.number("page[number]", 0)
    page = found[number * size : (number + 1) * size]
    last = max(0, math.ceil(len(found) / size) - 1)
    return {
        "data": {
            "type": "",
            "attributes": {"slos": [{"data": _objective(story, entry)} for entry in page]},
        },
        "meta": {
            "pagination": {
                "type": "number_size",
                "number": number,
                "size": size,
                "total": len(found),
                "first_number": 0,
                "last_number": last,
                "next_number": min(number + 1, last),
                "prev_number": max(0, number - 1),
            }
        },
    }


def history(story: Story, asked: Asked) -> dict[str, Any]:
    """GET /api/v1/slo/{slo_id}/history: what an SLO reached, the same for every time.

    Raises Refused(404) for an unknown id, Refused(400) for a time that is none.
    """
    known = {_id(entry.name): entry for entry in story.incident.signals.objective}
    entry = known.get(asked.path["slo_id"])
    if entry is None:
        raise Refused(404, f"SLO {asked.path['slo_id']} not found")
    start, end = asked.number("from_ts"), asked.number("to_ts")
    if start >= end:
        raise Refused(400, "from_ts must be before to_ts")
    timeframe = f"{_HORIZON_DAYS}d"
    return {
        "data": {
            "from_ts": start,
            "to_ts": end,
            "type": "metric",
            "type_id": 1,
            "thresholds": {timeframe: _threshold(entry)},
            "overall": {
                "name": entry.name,
                "sli_value": entry.reached_percent,
                "span_precision": 2.0,
                "precision": {timeframe: 2.0},
                "error_budget_remaining": {timeframe: _budget_left(entry)},
            },
        },
        "errors": None,
    }


def _objective(story: Story, entry: Objective) -> dict[str, Any]:
    tags = fields_of(story, entry.service)
    state = "ok" if entry.reached_percent >= entry.target_percent else "breached"
    budget = _budget_left(entry)
    at = round(story.now.timestamp())
    return {
        "id": _id(entry.name),
        "type": "slo",
        "attributes": {
            "name": entry.name,
            "description": None,
            "slo_type": "metric",
            "all_tags": written(tags),
            "service_tags": [entry.service],
            "env_tags": list(tags["env"]),
            "team_tags": list(tags.get("team", ())),
            "thresholds": [_threshold(entry)],
            "status": {
                "sli": entry.reached_percent,
                "state": state,
                "error_budget_remaining": budget,
                "calculation_error": None,
                "indexed_at": at,
                "span_precision": 2,
            },
            "overall_status": [
                {
                    "status": entry.reached_percent,
                    "state": state,
                    "target": entry.target_percent,
                    "timeframe": f"{_HORIZON_DAYS}d",
                    "error": None,
                    "error_budget_remaining": budget,
                    "indexed_at": at,
                    "span_precision": 2,
                }
            ],
        },
    }


def _threshold(entry: Objective) -> dict[str, Any]:
    return {
        "target": entry.target_percent,
        "target_display": f"{entry.target_percent:g}",
        "timeframe": f"{_HORIZON_DAYS}d",
    }


def _budget_left(entry: Objective) -> float:
    """Percent of the allowed failures that are left; below zero when more failed."""
    allowed = 100 - entry.target_percent
    return 100 * (1 - (100 - entry.reached_percent) / allowed) if allowed else 0.0


def _id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
