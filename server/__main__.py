"""Starts NetForge: `python -m server`. What is missing or wrong ends the start with one line."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from graph.errors import NetForgeError
from graph.runtime import Runtime, open_runtime
from graph.settings import load
from server.app import create_app


def main() -> int:
    """Serve until told to stop; 1 when the start fails."""
    try:
        asyncio.run(_serve())
    except NetForgeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


async def _serve() -> None:
    settings = load()
    async with open_runtime(settings) as runtime:

        @asynccontextmanager
        async def opened() -> AsyncIterator[Runtime]:
            yield runtime

        config = uvicorn.Config(
            create_app(opened), host=settings.server_host, port=settings.server_port
        )
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    sys.exit(main())
