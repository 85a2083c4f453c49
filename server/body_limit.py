"""No body of a request is larger than a setting allows, told beforehand or not."""

from starlette.datastructures import Headers
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from server.problems import TABLE, answer
from server.refusal import BodyTooLarge

OURS = ("/v1/", "/webhooks/")
"""Under `langgraph dev` this application is round LangGraph's routes, which are not limited."""


class BodyLimit:
    """The middleware; it keeps nothing of a body.

    FastAPI's own `max_body_size` is fixed when the application is made, before the settings
    are read, and lets a route that reads no body run before it refuses what was announced.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what is announced as too large; count the rest as it comes."""
        if scope["type"] != "http" or not f"{scope['path']}/".startswith(OURS):
            return await self._app(scope, receive, send)
        limit = scope["app"].state.access.body_limit_bytes
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > limit:
            detail = f"the body has {announced[:20]} bytes; {limit} is the most"
            refused = answer(Request(scope), TABLE[BodyTooLarge], detail)
            return await refused(scope, receive, send)
        counting = RequestBodyLimitMiddleware(self._app, limit)
        return await counting(scope, receive, send)
