"""Serves a runtime over HTTP, on a socket that is there before anything else is opened."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import uvicorn

from graph.errors import SettingsError
from graph.runtime import Runtime
from server.app import create_app

logger = logging.getLogger("netforge")

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own.

    They raise the signal again once the server has stopped, and that would kill the process
    before the enrichments that still run are waited for.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def on_signal(then: Callable[[], object], numbers: Sequence[int] = SIGNALS) -> None:
    """Do that when one of these signals comes, instead of what was done before."""
    for number in numbers:
        asyncio.get_running_loop().add_signal_handler(number, then)


def listening(host: str, port: int) -> socket.socket:
    """The socket, opened first so that a taken port is said at once. Raises SettingsError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        created = socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(
            f"SERVER_PORT={port} on {host} cannot be used: {error.strerror}; choose another"
        ) from error
    # asyncio sets TCP_NODELAY only where the protocol is named; without it an answer on a kept
    # connection waits 40 ms for the acknowledgement of its head.
    return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, created.detach())


async def serve(
    runtime: Runtime, listener: socket.socket, numbers: Sequence[int] = SIGNALS
) -> None:
    """Answer requests until one of these signals comes.

    Another one cancels the task that called this, so that it waits for no enrichment either.
    """
    task = asyncio.current_task()
    assert task is not None

    @asynccontextmanager
    async def opened() -> AsyncIterator[Runtime]:
        yield runtime

    server = _Server(uvicorn.Config(create_app(opened), log_config=None))
    on_signal(partial(_end, server, task), numbers)
    # All that was imported stays. Each full collection would look through it, for half a second
    # in which nobody is answered.
    gc.collect()
    gc.freeze()
    logger.info("listening on %s port %d", *listener.getsockname()[:2])
    await server.serve(sockets=[listener])


def _end(server: uvicorn.Server, task: asyncio.Task[None]) -> None:
    """End the server; told a second time, end the waiting for enrichments too."""
    if server.should_exit:
        task.cancel()
    server.should_exit = True
