"""Starts NetForge: `python -m server`. What is missing or wrong ends the start with one line."""

import asyncio
import importlib
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from graph.errors import NetForgeError
from graph.observers import Observer
from graph.runtime import open_runtime
from graph.settings import Settings, load
from server import logs
from server.serving import listening, on_signal, serve

logger = logging.getLogger("netforge")


def main() -> int:
    """Serve until told to stop; 1 when the start fails."""
    logs.configure()
    try:
        asyncio.run(_serve())
    except NetForgeError as error:
        logger.error("%s", error)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    return 0


async def _serve() -> None:
    settings = load()
    task = asyncio.current_task()
    assert task is not None
    on_signal(task.cancel)
    with listening(settings.server_host, settings.server_port) as listener:
        async with (
            _observers(settings) as observe,
            open_runtime(settings, observe=observe) as runtime,
        ):
            await serve(runtime, listener)


@asynccontextmanager
async def _observers(settings: Settings) -> AsyncIterator[Sequence[Observer]]:
    """Who is told of what happens, beside the application: the log and, where set, the traces."""
    endpoint = settings.otel_exporter_otlp_endpoint
    if endpoint is None:
        yield [logs.TurnLines()]
        return
    traces = await asyncio.to_thread(importlib.import_module, "server.traces")
    async with traces.open_traces(endpoint) as sending:
        yield [logs.TurnLines(), sending]


if __name__ == "__main__":
    sys.exit(main())
