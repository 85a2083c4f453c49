"""The webhook of a Datadog monitor.

The payload is the template of `docs/webhooks.md`, which whoever sets the webhook up pastes into
Datadog: each key is the name of Datadog's variable in small letters. Datadog signs nothing, but
sends a header that it is given, so that header carries our token.
"""

import hmac
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from server.access import CHALLENGE
from server.refusal import TokenRefused
from server.webhooks.alarm import (
    TEXT_LIMIT,
    Alarm,
    key_of,
    name_in,
    names,
    plain,
    thread_of,
    told,
)
from server.webhooks.refusal import Ignored, OtherTemplate

STARTS = {
    "triggered": "Triggered",
    "re-triggered": "Re-Triggered",
    "warn": "Warn",
    "re-warn": "Re-Warn",
    "no data": "No Data",
    "re-no data": "Re-No Data",
    "renotify": "Renotify",
}
"""Transitions of an alert that stands. The repeated ones have the key of the first, and so start
a run only where the first was not received."""
COMPONENT_TAGS = (
    "service",
    "kube_service",
    "kube_deployment",
    "servicename",
    "functionname",
    "loadbalancer",
    "dbinstanceidentifier",
    "dbclusteridentifier",
    "cacheclusterid",
    "queuename",
    "tablename",
    "host",
)
"""Tags whose value names a component, the most telling first."""
_THRESHOLD = re.compile(r"(>=|<=|>|<)\s*(-?\d{1,18}(?:\.\d{1,18})?)\s*$")
_NOT_FILLED_IN = re.compile(r"\$[A-Z_]+")
_DIGITS = re.compile(r"[0-9]{1,13}", re.ASCII)


def _filled_in(value: Any) -> Any:
    """A blank where Datadog had nothing to put; and no half characters, as a cut may leave them."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    blank = value == "null" or _NOT_FILLED_IN.fullmatch(value)
    return "" if blank else value.encode("utf-8", "replace").decode()


Filled = Annotated[str, BeforeValidator(_filled_in)]


class Payload(BaseModel):
    """The template, filled in."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True, str_strip_whitespace=True)

    alert_id: Filled
    alert_transition: Filled
    alert_cycle_key: Filled = ""
    aggreg_key: Filled = ""
    alert_scope: Filled = ""
    alert_metric: Filled = ""
    alert_query: Filled = ""
    alert_status: Filled = ""
    alert_priority: Filled = ""
    event_title: Filled = ""
    text_only_msg: Filled = ""
    tags: Filled = ""
    hostname: Filled = ""
    link: Filled = ""
    date: Filled = ""


def check_token(authorization: str | None, token: str) -> None:
    """Raise TokenRefused unless the header carries the token."""
    scheme, _, given = (authorization or "").partition(" ")
    # Compared first and whole, so that the time says nothing about what was wrong.
    same = hmac.compare_digest(given.strip().encode(), token.encode())
    if not same or scheme.lower() != "bearer":
        raise TokenRefused(
            "the header 'Authorization: Bearer' with the value of WEBHOOK_DATADOG_TOKEN is missing",
            CHALLENGE,
        )


def read(content: object) -> Alarm:
    """The alarm in a body that is authentic; raises Ignored or OtherTemplate."""
    payload = _payload(content)
    state = STARTS.get(payload.alert_transition.lower())
    if state is None:
        raise Ignored(
            f"the transition {plain(payload.alert_transition, 40)!r} is no alert that stands"
        )
    at = _time(payload.date)
    # Some kinds of monitor have no cycle; there one event is one alert.
    cycle = payload.alert_cycle_key or payload.date
    if not payload.alert_id or not cycle:
        raise OtherTemplate(
            "alert_id is blank, or alert_cycle_key and date are; see docs/webhooks.md"
        )
    focus = names(_components(payload))
    return Alarm(
        question=_question(payload, state, at, focus),
        focus=focus,
        alert=_alert(payload, state, at),
        key=key_of("datadog", payload.alert_id, cycle, payload.aggreg_key),
        thread_id=thread_of("datadog", payload.alert_id, *sorted(_tags(payload.alert_scope))),
    )


def _payload(content: object) -> Payload:
    try:
        return Payload.model_validate(content)
    except ValidationError as error:
        wrong = sorted({str(problem["loc"][0]) for problem in error.errors() if problem["loc"]})
        what = f"{', '.join(wrong)} missing or no text" if wrong else "no object"
        raise OtherTemplate(
            f"the payload is not the template of docs/webhooks.md: {what}"
        ) from error


def _tags(text: str) -> list[str]:
    return [tag for part in text.split(",") if (tag := part.strip())]


def _components(payload: Payload) -> Iterator[str]:
    # The scope comes first: it says which group alerts, the tags what the monitor is about.
    for text in (payload.alert_scope, payload.tags):
        pairs = [tag.partition(":")[::2] for tag in _tags(text)]
        for wanted in COMPONENT_TAGS:
            yield from (value for tag, value in pairs if tag == wanted)
    yield payload.hostname


def _time(date: str) -> str:
    """The event's time, from the milliseconds since 1970 that Datadog gives; blank without."""
    if not _DIGITS.fullmatch(date):
        return ""
    return datetime.fromtimestamp(int(date) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _question(payload: Payload, state: str, at: str, focus: tuple[str, ...]) -> str:
    parts = [f"Datadog monitor {name_in(payload.alert_id) or '(see the alert)'} went to {state}"]
    if at:
        parts.append(f" at {at}")
    metric = name_in(payload.alert_metric)
    threshold = _THRESHOLD.search(payload.alert_query[-60:])
    if metric:
        parts.append(f", metric {metric}")
    if threshold:
        parts.append(f", threshold {threshold[1]} {threshold[2]}")
    if focus:
        parts.append(f", for {', '.join(focus)}")
    return f"{''.join(parts)}. What is wrong, and what caused it?"


def _alert(payload: Payload, state: str, at: str) -> dict[str, str]:
    said = told(
        {
            "source": "datadog",
            "monitor": payload.alert_id,
            "transition": state,
            "at": at,
            "title": payload.event_title,
            "status": payload.alert_status,
            "metric": payload.alert_metric,
            "query": payload.alert_query,
            "scope": payload.alert_scope,
            "priority": payload.alert_priority,
            "tags": payload.tags,
            "host": payload.hostname,
            "link": payload.link,
        }
    )
    message = plain(payload.text_only_msg, TEXT_LIMIT)
    return {**said, "message": message} if message else said
