"""What the server refuses, as problem details (RFC 9457): one table, one shape.

Raise an exception of `TABLE`; a route needs no `except`. Its attributes `run_id` and
`retry_after_s` become members of the problem, `retry_after_s` the header Retry-After too.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from graph.errors import (
    EnrichmentRefused,
    InvalidCursor,
    InvalidQuestion,
    KeyReused,
    RunEnded,
    RunUnknown,
    StateUnavailable,
    ThreadBusy,
    TooManyRuns,
    UnreadableValue,
)
from graph.storage import STORAGE_ERRORS, in_one_line
from replay.export import ExportRefused
from replay.forking.fork import ForkRefused
from server import request_id
from server.fields import NAME
from server.refusal import (
    BodyTooLarge,
    Cancelled,
    NotFound,
    NotPermitted,
    TokenRefused,
    TooManyAtOnce,
    TooManyRequests,
    UnsupportedMediaType,
)
from server.webhooks.refusal import Malformed, NotAuthentic, OtherTemplate, SnsUnreachable

logger = logging.getLogger("netforge.server")

MEDIA_TYPE = "application/problem+json"
TEXT_LIMIT = 500
"""Characters of a text in a problem; part of it may be what the caller sent."""
ERRORS_LIMIT = 20
RETRY_AFTER_S = 5
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
EVERYWHERE = (401, 429, 500, 503)
"""Statuses that each route which takes a token may answer with."""
WITH_BODY = (400, 413, 415, 422)
"""Those that a body adds."""


@dataclass(frozen=True)
class Kind:
    """A kind of problem."""

    status: int
    name: str
    title: str

    @property
    def type(self) -> str:
        """The URI that names the kind; it never changes. A status alone has none of ours."""
        return f"/problems/{self.name}" if self.name else "about:blank"


MALFORMED = Kind(400, "malformed-body", "The body is not JSON, or cannot be read as it")
INTERNAL = Kind(500, "internal-error", "The server failed")
METHOD = Kind(405, "method-not-allowed", "The path has no such method; Allow lists those it has")

TABLE: Mapping[type[Exception], Kind] = {
    TokenRefused: Kind(401, "token-refused", "A token is needed"),
    NotPermitted: Kind(403, "not-permitted", "The caller may not do that"),
    NotFound: Kind(404, "not-found", "There is nothing of that name"),
    RunUnknown: Kind(404, "run-unknown", "There is no such run"),
    ThreadBusy: Kind(409, "thread-busy", "A turn runs on that thread already"),
    Cancelled: Kind(409, "run-cancelled", "The run was cancelled before it had an answer"),
    RunEnded: Kind(409, "run-ended", "The run has ended, so it cannot be cancelled"),
    EnrichmentRefused: Kind(409, "enrichment-refused", "The enrichment cannot be run again"),
    UnreadableValue: Kind(409, "unreadable-recording", "What was recorded cannot be run here"),
    ExportRefused: Kind(409, "export-refused", "The run cannot be freed of what looks secret"),
    BodyTooLarge: Kind(413, "body-too-large", "The body has more than REQUEST_BODY_LIMIT_KIB"),
    UnsupportedMediaType: Kind(415, "unsupported-media-type", "The body must be application/json"),
    InvalidQuestion: Kind(422, "invalid-question", "The question cannot be investigated"),
    InvalidCursor: Kind(422, "invalid-cursor", "No answer gave that cursor"),
    KeyReused: Kind(422, "key-reused", "The Idempotency-Key was used for another question"),
    ForkRefused: Kind(422, "fork-refused", "The run cannot be forked there, or not like that"),
    RequestValidationError: Kind(422, "invalid-request", "A field is missing, wrong or unknown"),
    TooManyRequests: Kind(429, "too-many-requests", "More than REQUESTS_PER_MINUTE"),
    TooManyAtOnce: Kind(429, "too-many-at-once", "More than REQUESTS_AT_ONCE"),
    TooManyRuns: Kind(503, "too-many-runs", "As many investigations wait or run as may"),
    StateUnavailable: Kind(503, "state-unavailable", "The database cannot be used now"),
    Malformed: MALFORMED,
    NotAuthentic: Kind(403, "not-authentic", "The message is not proved to be from SNS"),
    OtherTemplate: Kind(422, "other-template", "The payload is not of the documented template"),
    SnsUnreachable: Kind(502, "sns-unreachable", "SNS did not give what is needed; send it again"),
    Exception: INTERNAL,
}
"""What each exception becomes; the nearest class of an exception counts."""

FRAMEWORK: Mapping[int, Kind] = {
    400: MALFORMED,
    404: TABLE[NotFound],
    405: METHOD,
    413: TABLE[BodyTooLarge],
    415: TABLE[UnsupportedMediaType],
}
"""What the statuses become that FastAPI and Starlette raise by themselves."""

KINDS = sorted({*TABLE.values(), *FRAMEWORK.values()}, key=lambda kind: (kind.status, kind.name))


class WrongField(BaseModel):
    """A field of the request that is wrong."""

    pointer: str = Field(examples=["/body/question"])
    """A JSON pointer that begins with body, query, path, header or cookie."""
    message: str


class Problem(BaseModel):
    """A problem (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["/problems/thread-busy"])
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    instance: str | None = Field(default=None, examples=["urn:netforge:request:5b0c"])
    """The request; the log knows it by the same id, and so does the header X-Request-Id."""
    run_id: str | None = Field(default=None, pattern=f"^{NAME}$")
    """Of thread-busy: the run that is in the way."""
    retry_after_s: int | None = Field(default=None, ge=1)
    errors: list[WrongField] | None = None
    """Of invalid-request: what is wrong, the first of them."""


class ProblemResponse(JSONResponse):
    """A problem as an answer."""

    media_type = MEDIA_TYPE


def answer(
    request: Request,
    kind: Kind,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> ProblemResponse:
    """The answer to that request, with members of its own beside the common ones."""
    own = request_id.of(request.scope)
    sent = dict(headers or {})
    if own is not None:
        sent[request_id.HEADER] = own
    if members.get("retry_after_s") is not None:
        sent["Retry-After"] = str(members["retry_after_s"])
    problem = Problem(
        type=kind.type,
        title=kind.title,
        status=kind.status,
        detail=_text(detail),
        instance=f"urn:netforge:request:{own}" if own else None,
        **members,
    )
    return ProblemResponse(problem.model_dump(exclude_none=True), kind.status, sent)


def install(app: FastAPI) -> None:
    """Make every answer of the application that is an error a problem."""
    for raised in TABLE:
        app.add_exception_handler(raised, _refused)
    for raised in STORAGE_ERRORS:
        if raised not in TABLE:
            app.add_exception_handler(raised, _storage_away)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _raised_by_the_framework)
    app.add_exception_handler(Exception, _failed)


async def _refused(request: Request, error: Exception) -> ProblemResponse:
    kind = next(TABLE[raised] for raised in type(error).__mro__ if raised in TABLE)
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is None and kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        retry_after_s = RETRY_AFTER_S
    headers = {}
    if isinstance(error, TokenRefused):
        headers["WWW-Authenticate"] = error.challenge
    return answer(
        request,
        kind,
        str(error),
        headers=headers,
        run_id=getattr(error, "run_id", None),
        retry_after_s=retry_after_s,
    )


async def _storage_away(request: Request, error: Exception) -> ProblemResponse:
    """What nobody nearer put into words: the database went away in the middle of a request."""
    away = StateUnavailable(f"the database cannot be used: {in_one_line(error)}")
    logger.warning("request %s: %s", request_id.of(request.scope), away)
    return await _refused(request, away)


async def _invalid(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return answer(request, MALFORMED, "the body is not JSON: " + found[0]["ctx"]["error"])
    if any(tuple(one["loc"]) == ("body",) for one in found) and not _says_json(request):
        return answer(
            request,
            TABLE[UnsupportedMediaType],
            "the body was not read: send it with the header Content-Type: application/json",
        )
    wrong = [WrongField(pointer=_pointer(one["loc"]), message=_text(one["msg"])) for one in found]
    first = wrong[0]
    more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return answer(
        request,
        TABLE[RequestValidationError],
        f"{first.pointer}: {first.message}{more}",
        errors=wrong[:ERRORS_LIMIT],
    )


async def _raised_by_the_framework(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    kind = FRAMEWORK.get(status) or Kind(status, "", status.phrase)
    says_nothing = error.detail in (status.phrase, "Content Too Large")
    detail = kind.title if says_nothing else str(error.detail)
    headers = dict(error.headers or {})
    if kind is METHOD:
        headers["Allow"] = ", ".join(_methods(request)) or headers.get("Allow", "")
    return answer(request, kind, detail, headers=headers)


async def _failed(request: Request, error: Exception) -> ProblemResponse:
    """Nobody expected it, so nothing of it is shown."""
    own = request_id.of(request.scope)
    logger.error("request %s failed: %s", own, type(error).__name__, exc_info=error)
    return answer(request, INTERNAL, "the server failed on this request; its log has the reason")


def _methods(request: Request) -> list[str]:
    """The methods of the path. Starlette names those of the first route on it alone."""
    asked = {method: {**request.scope, "method": method} for method in METHODS}
    return [
        method
        for method, scope in asked.items()
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.router.routes)
    ]


def _says_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _pointer(location: tuple[str | int, ...]) -> str:
    steps = [str(step).replace("~", "~0").replace("/", "~1") for step in location]
    return _text("/" + "/".join(steps))


def _text(text: str) -> str:
    """The text as UTF-8 can hold it, and not longer than an answer should be."""
    whole = text.encode("utf-8", "replace").decode()
    return whole if len(whole) <= TEXT_LIMIT else f"{whole[: TEXT_LIMIT - 1]}…"
