"""Starts NetForge: `python -m server`. What is missing or wrong ends the start with one line."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import uvicorn

from graph.errors import NetForgeError, SettingsError
from graph.runtime import Runtime, open_runtime
from graph.settings import Settings, load
from server.app import create_app

logger = logging.getLogger("netforge")


def main() -> int:
    """Serve until told to stop; 1 when the start fails."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for name in ("netforge", "uvicorn"):
        logging.getLogger(name).setLevel(logging.INFO)
    try:
        asyncio.run(_serve())
    except NetForgeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    return 0


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own.

    They raise the signal again once the server has stopped, and that would kill the process
    before the enrichments that still run are waited for.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve() -> None:
    settings = load()
    task = asyncio.current_task()
    assert task is not None
    _on_signal(task.cancel)
    with _listening(settings) as listener:
        async with open_runtime(settings) as runtime:

            @asynccontextmanager
            async def opened() -> AsyncIterator[Runtime]:
                yield runtime

            server = _Server(uvicorn.Config(create_app(opened), log_config=None))
            _on_signal(partial(_end, server, task))
            logger.info("listening on %s port %d", *listener.getsockname()[:2])
            await server.serve(sockets=[listener])


def _on_signal(then: Callable[[], object]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, then)


def _end(server: uvicorn.Server, task: asyncio.Task[None]) -> None:
    """End the server; told a second time, end the waiting for enrichments too."""
    if server.should_exit:
        task.cancel()
    server.should_exit = True


def _listening(settings: Settings) -> socket.socket:
    """The socket, before anything else is opened, so that a taken port is said at once."""
    host, port = settings.server_host, settings.server_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(
            f"SERVER_PORT={port} on {host} cannot be used: {error.strerror}; choose another"
        ) from error


if __name__ == "__main__":
    sys.exit(main())
