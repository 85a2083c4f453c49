"""Questions to CloudTrail: who changed what. For the one list of changes, no tool of its own."""

import asyncio
import json
import re
from typing import Any

from graph.tools.aws.client import Aws, within
from graph.tools.aws.found import cut_off
from graph.tools.window import Window, iso

_CHANGES = ("ReadOnly", "false")
PAGE = 50
PAGES = 3
PAGE_EVERY_S = 0.5
"""CloudTrail answers two questions a second in one account."""


async def events(aws: Aws, service: str, window: Window) -> list[dict[str, Any]]:
    """The calls that changed the resource of that name, or anything, in that time, newest first.

    Rows of `graph.tools.changes.CHANGE_COLUMNS`; of the parameters of the calls, which may hold
    secrets, nothing is kept. Source: cloudtrail:LookupEvents, which knows 90 days. Raises
    AwsRefused.
    """
    with within(window):
        if not service:
            found, more = await _looked_up(aws, _CHANGES, window, PAGES)
        else:
            # It takes one attribute: with the resource's name, reads come too.
            named, more = await _looked_up(aws, ("ResourceName", service), window, PAGES)
            found = [event for event in named if event.get("ReadOnly", "false") != "true"]
            if not found:
                # Not every service of AWS tells it which resource a call was about.
                await asyncio.sleep(PAGE_EVERY_S)
                every, more = await _looked_up(aws, _CHANGES, window, 1)
                found = [event for event in every if is_about(event, service)]
    rows = [_change(event, service) for event in found]
    rows.sort(key=lambda row: str(row["at"]), reverse=True)
    return [*rows, cut_off(window, "older calls; narrow the window")] if more else rows


async def _looked_up(
    aws: Aws, attribute: tuple[str, str], window: Window, most: int
) -> tuple[list[dict[str, Any]], bool]:
    """The events of at most that many pages, and whether there are more."""
    found: list[dict[str, Any]] = []
    following: dict[str, str] = {}
    for page in range(most):
        if page:
            await asyncio.sleep(PAGE_EVERY_S)
        answer = await aws.call(
            "cloudtrail",
            "LookupEvents",
            LookupAttributes=[{"AttributeKey": attribute[0], "AttributeValue": attribute[1]}],
            StartTime=window.start,
            EndTime=window.end,
            MaxResults=PAGE,
            **following,
        )
        found += answer.get("Events", [])
        if not answer.get("NextToken"):
            return found, False
        following = {"NextToken": answer["NextToken"]}
    return found, True


def _change(event: dict[str, Any], service: str) -> dict[str, Any]:
    names = [
        entry["ResourceName"] for entry in event.get("Resources", []) if "ResourceName" in entry
    ]
    error = _document(event).get("errorCode")
    return {
        "at": iso(event["EventTime"]) if "EventTime" in event else "",
        "component": service or (names[0] if names else ""),
        "kind": f"{event.get('EventSource', '').partition('.')[0]} {event.get('EventName', '')}",
        "version": None,
        "status": f"refused: {error}" if error else "done",
        "by": event.get("Username"),
        "detail": ", ".join(names),
    }


def is_about(event: dict[str, Any], service: str) -> bool:
    """Whether a parameter of the call is that name, or a path or ARN with it."""
    parameters = json.dumps(_document(event).get("requestParameters"), ensure_ascii=False)
    return re.search(rf'["/:]{re.escape(service)}["/:]', parameters) is not None


def _document(event: dict[str, Any]) -> dict[str, Any]:
    """What CloudTrail wrote down of the call; empty when that cannot be read."""
    try:
        told = json.loads(event.get("CloudTrailEvent") or "{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
