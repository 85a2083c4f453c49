"""What Datadog or its client says when it does not answer, and what an operator can do about it."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from datadog_api_client.exceptions import ApiException
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InvalidHeader,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)
from urllib3.util import Retry

from graph.tools.datadog.wire import AnswerTooLarge, AnswerTooLate
from graph.tools.question import ReadFailed
from graph.untrusted import printable

WORDS_LIMIT = 600
ATTEMPTS = 3
"""Requests for one call, the first one included."""
WAIT_LIMIT_S = 5.0
"""The longest wait that is kept to; a call that must wait longer gives up at once."""
_FIRST_WAIT_S = 0.3
_REPEATED = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class DatadogRefused(ReadFailed):
    """Datadog refused or did not answer; `status` is that of HTTP, None without an answer."""

    def __init__(self, said: str, query: str, window: str | None, status: int | None) -> None:
        super().__init__(said, query, window)
        self.status = status


def is_late(error: Exception) -> bool:
    """Whether there was no whole answer in time."""
    return isinstance(error, ReadTimeoutError | AnswerTooLate)


def wait_s(error: Exception, attempt: int) -> float | None:
    """Seconds to wait before the next attempt; None when there is none.

    Only 429 and 503 are repeated, when what they ask to wait is short, and once a connection
    that did not come about.
    """
    if attempt >= ATTEMPTS:
        return None
    if isinstance(error, ApiException) and error.status in _REPEATED:
        asked = _asked_to_wait_s(error)
        wait = _FIRST_WAIT_S * 2 ** (attempt - 1) if asked is None else asked
        return wait if wait <= WAIT_LIMIT_S else None
    return _FIRST_WAIT_S if attempt == 1 and _is_connecting(error) else None


def words(error: Exception, scope: str, keys: Sequence[str]) -> str:
    """Datadog's words or its client's on one line, with a remedy, without any of the keys."""
    said, remedy = f"{error}" or type(error).__name__, ""
    if isinstance(error, ApiException):
        said, remedy = _told(error), _remedy(error, scope)
    elif isinstance(error, AnswerTooLarge):
        remedy = "ask for a narrower part"
    elif _is_connecting(error):
        remedy = "is DD_SITE or DD_API_URL right, and reachable from here?"
    elif isinstance(error, HTTPError):
        remedy = "ask again"
    for key in keys:
        said = said.replace(key, "[key]")
    said = " ".join(printable(said).split())[:WORDS_LIMIT]
    return f"{said}: {remedy}" if remedy else said


def _told(error: ApiException) -> str:
    """`403 Forbidden: ` and what the body says."""
    head = f"{error.status} {error.reason}" if error.status else "no secure connection"
    body = error.body if error.status else error.reason
    if isinstance(body, dict) and body.get("errors"):
        body = body["errors"]
    parts = body if isinstance(body, list) else [body]
    said = [_one(part) for part in parts if part]
    return f"{head}: {'; '.join(said)}" if said else head


def _one(part: Any) -> str:
    if isinstance(part, Mapping):
        told = [part.get("title"), part.get("detail")]
        return ": ".join(str(word) for word in told if word) or str(part)
    return str(part)[:WORDS_LIMIT]


def _remedy(error: ApiException, scope: str) -> str:
    asked = _asked_to_wait_s(error)
    resets = f"resets in {asked:g} s: " if asked is not None else ""
    match error.status:
        case HTTPStatus.UNAUTHORIZED:
            return "check DD_API_KEY and DD_APP_KEY, and that they are of DD_SITE"
        case HTTPStatus.FORBIDDEN:
            return (
                f"the application key may lack the scope {scope}; "
                "or check DD_API_KEY and DD_APP_KEY"
            )
        case HTTPStatus.TOO_MANY_REQUESTS:
            return f"{resets}ask for less, or again then"
    return f"{resets}ask again" if error.status and error.status >= 500 else ""


def _asked_to_wait_s(error: ApiException) -> float | None:
    """What `X-Ratelimit-Reset` or `Retry-After` says, in seconds."""
    headers = {str(name).lower(): value for name, value in (error.headers or {}).items()}
    for name in ("x-ratelimit-reset", "retry-after"):
        text = str(headers.get(name, "")).strip()
        if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
            return float(text)
        try:
            if text:
                return float(Retry().parse_retry_after(text))
        except InvalidHeader:
            continue
    return None


def _is_connecting(error: Exception) -> bool:
    """Whether no request was read by the other side."""
    if isinstance(error, ProtocolError):
        return any("RemoteDisconnected" in type(part).__name__ for part in error.args)
    return isinstance(error, NewConnectionError | ConnectTimeoutError)
