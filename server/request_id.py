"""Each request has an id: the caller's own, or a new one; answers, problems and logs carry it."""

import re
from contextvars import ContextVar
from typing import cast
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.fields import NAME

HEADER = "X-Request-Id"
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being answered; tasks that it starts keep it."""


def of(scope: Scope) -> str | None:
    """The id of that request, also where the context variable is gone again."""
    return cast("str | None", scope.get("state", {}).get("request_id"))


class RequestIds:
    """The middleware that gives the ids; it is to be the outermost one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the id in a header."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        given = Headers(scope=scope).get(HEADER, "")
        own = given if re.fullmatch(NAME, given) else str(uuid4())
        scope.setdefault("state", {})["request_id"] = own

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = own
            await send(message)

        before = request_id.set(own)
        try:
            return await self._app(scope, receive, send_with_id)
        finally:
            request_id.reset(before)
