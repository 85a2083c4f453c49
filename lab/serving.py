"""Puts a double of an HTTP service on a free loopback port."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

BODY_LIMIT = 8 * 1024**2
SHUTDOWN_LIMIT_S = 1
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def listening(answer: Answer, path: str = "/{path:.*}") -> AsyncIterator[str]:
    """The address at which requests of every method under that path are answered.

    A request whose client went away is cancelled; at the end no connection stays.
    """
    application = web.Application(client_max_size=BODY_LIMIT)
    application.router.add_route("*", path, answer)
    runner = web.AppRunner(
        application,
        handler_cancellation=True,
        access_log=None,
        shutdown_timeout=SHUTDOWN_LIMIT_S,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
