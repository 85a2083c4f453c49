"""Who may ask, how often, and how much at once.

Without API_TOKENS the server listens on loopback only and all callers count as one. It is a
dependency of our routes and no middleware: under `langgraph dev` this application is round
LangGraph's routes, which are not ours to guard.
"""

import hashlib
import hmac
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, cast

from aiolimiter import AsyncLimiter
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from graph.setting_values import LOCAL_CALLER
from graph.settings import Settings
from server.refusal import NotPermitted, TokenRefused, TooManyAtOnce, TooManyRequests

MINUTE_S = 60
CHALLENGE = 'Bearer realm="netforge"'


@dataclass(frozen=True)
class Caller:
    """Who asks, and what is permitted beyond asking and reading."""

    name: str
    may_fork: bool = False
    """A fork is live, and may run under a model and a prompt that its caller chose."""


@dataclass
class _Account:
    caller: Caller
    digest: bytes
    """Of the token: compared in place of it, so that lengths are alike."""
    pace: AsyncLimiter
    running: int = field(default=0)


class Access:
    """The callers of a server, and what each of them has open."""

    def __init__(self, settings: Settings) -> None:
        self.body_limit_bytes = settings.request_body_limit_kib * 1024
        self._at_once = settings.requests_at_once
        self._per_minute = settings.requests_per_minute
        self._fork_callers = settings.fork_callers
        self._local = None if settings.api_tokens else self._account(LOCAL_CALLER, b"")
        self._known = [
            self._account(name, _digest(token.get_secret_value()))
            for name, token in settings.api_tokens.items()
        ]

    @asynccontextmanager
    async def admitted(self, token: str | None) -> AsyncIterator[Caller]:
        """The caller with that token, who has one more request open until the end.

        Raises TokenRefused, TooManyAtOnce and TooManyRequests.
        """
        account = self._recognised(token)
        if account.running >= self._at_once:
            raise TooManyAtOnce(
                f"{account.running} requests of {account.caller.name} are open; "
                f"REQUESTS_AT_ONCE={self._at_once}",
                retry_after_s=1,
            )
        if not account.pace.has_capacity():
            raise TooManyRequests(
                f"{account.caller.name} asks too often; REQUESTS_PER_MINUTE={self._per_minute}",
                retry_after_s=math.ceil(MINUTE_S / self._per_minute),
            )
        await account.pace.acquire()
        account.running += 1
        try:
            yield account.caller
        finally:
            account.running -= 1

    def running(self) -> dict[str, int]:
        """Open requests by the caller's name."""
        accounts = [self._local] if self._local else self._known
        return {account.caller.name: account.running for account in accounts}

    def _recognised(self, token: str | None) -> _Account:
        """The account; all are compared, so that the time does not say how far it got."""
        if self._local is not None:
            return self._local
        if token is None:
            raise TokenRefused("the header Authorization: Bearer is missing", CHALLENGE)
        digest, found = _digest(token), None
        for account in self._known:
            if hmac.compare_digest(account.digest, digest):
                found = account
        if found is None:
            raise TokenRefused("the token is not known", f'{CHALLENGE}, error="invalid_token"')
        return found

    def _account(self, name: str, digest: bytes) -> _Account:
        known = Caller(name, may_fork=name in self._fork_callers)
        return _Account(known, digest, AsyncLimiter(self._per_minute, MINUTE_S))


_bearer = HTTPBearer(auto_error=False, description="A token of API_TOKENS, where that is set")


async def caller(
    request: Request, sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> AsyncIterator[Caller]:
    """The caller; the request stays open until its answer is sent, a stream's too."""
    access = cast(Access, request.app.state.access)
    async with access.admitted(sent.credentials if sent else None) as known:
        yield known


ADMITTED = Depends(caller, scope="request")
"""For the `dependencies` of a router."""
Admitted = Annotated[Caller, ADMITTED]
"""For a route that wants to know who asks."""


async def _forking(known: Admitted) -> Caller:
    """The caller, who may fork. Raises NotPermitted."""
    if not known.may_fork:
        raise NotPermitted(
            f"{known.name} may not fork, for a fork is live: it asks models and sources; whoever "
            "runs this server permits it by that name in FORK_CALLERS"
        )
    return known


FORKING = Depends(_forking)
"""For a route that forks."""


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
