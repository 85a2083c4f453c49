"""CloudTrail: who changed what. The story tells of changes alone, so nothing here only reads."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from lab.aws.scene import ACCOUNT, REGION, Parameters, Refused, Result, Scene, page
from lab.signals import Trail

EVENT_LIMIT = 50
"""Events in one answer; AWS's own limit."""
_ATTRIBUTES: dict[str, Callable[[Trail], str]] = {
    "EventName": lambda entry: entry.event_name,
    "EventSource": lambda entry: entry.event_source,
    "ResourceName": lambda entry: entry.resource,
    "ResourceType": lambda entry: entry.resource_type,
    "Username": lambda entry: entry.user,
    "ReadOnly": lambda _entry: "false",
    "EventId": lambda entry: _identifier(entry),
}


def look_up(scene: Scene, parameters: Parameters) -> Result:
    """LookupEvents: of a time and with one attribute, the newest first."""
    most = parameters.get("MaxResults") or EVENT_LIMIT
    if not 1 <= most <= EVENT_LIMIT:
        raise Refused("InvalidMaxResultsException", f"MaxResults is from 1 to {EVENT_LIMIT}")
    attributes = parameters.get("LookupAttributes") or []
    if len(attributes) > 1 or any(each["AttributeKey"] not in _ATTRIBUTES for each in attributes):
        raise Refused(
            "InvalidLookupAttributesException", "give one attribute that CloudTrail knows"
        )
    start, end = parameters.get("StartTime"), parameters.get("EndTime")
    if start and end and start > end:
        raise Refused("InvalidTimeRangeException", "the start time is after the end time")
    newest_first = sorted(scene.story.trail, key=lambda entry: entry.minutes_ago)
    found = [
        _event(scene, entry)
        for entry in newest_first
        if all(
            _ATTRIBUTES[each["AttributeKey"]](entry) == each["AttributeValue"]
            for each in attributes
        )
        and (start is None or scene.story.ago(entry.minutes_ago) >= start)
        and (end is None or scene.story.ago(entry.minutes_ago) <= end)
    ]
    part, following = page(parameters, found, ("MaxResults", EVENT_LIMIT, EVENT_LIMIT))
    return {"Events": part, **following}


def _identifier(entry: Trail) -> str:
    seed = hashlib.sha256(entry.model_dump_json().encode()).hexdigest()
    return "-".join((seed[:8], seed[8:12], seed[12:16], seed[16:20], seed[20:32]))


def _event(scene: Scene, entry: Trail) -> dict[str, Any]:
    at = scene.story.ago(entry.minutes_ago)
    refused = {"errorCode": entry.error_code} if entry.error_code else {}
    record = {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "arn": f"arn:aws:iam::{ACCOUNT}:user/{entry.user}",
            "accountId": ACCOUNT,
            "userName": entry.user,
        },
        "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": entry.event_source,
        "eventName": entry.event_name,
        "awsRegion": REGION,
        "sourceIPAddress": "10.0.0.10",
        "requestParameters": {"resource": entry.resource},
        "readOnly": False,
        "eventID": _identifier(entry),
        "eventType": "AwsApiCall",
        "recipientAccountId": ACCOUNT,
        **refused,
    }
    return {
        "EventId": _identifier(entry),
        "EventName": entry.event_name,
        "ReadOnly": "false",
        "EventTime": at,
        "EventSource": entry.event_source,
        "Username": entry.user,
        "Resources": [{"ResourceType": entry.resource_type, "ResourceName": entry.resource}],
        "CloudTrailEvent": json.dumps(record),
    }
