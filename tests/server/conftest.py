"""The application on the lab, and how a process of ours is pointed at the lab's doubles."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from graph.runtime import Runtime
from graph.settings import Settings
from server import serving
from server.app import create_app

ROOT = Path(__file__).parents[2]


def environment(settings: Settings) -> dict[str, str]:
    """The environment of a process that is to have these settings."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "MINIMAX_API_KEY": settings.minimax_api_key.get_secret_value(),
        "MINIMAX_API_BASE": settings.minimax_api_base,
        "NEO4J_URI": str(settings.neo4j_uri),
        "NEO4J_USER": settings.neo4j_user,
        "NEO4J_PASSWORD": settings.neo4j_password.get_secret_value(),
        "NEO4J_DATABASE": settings.neo4j_database,
        "STATE_DIR": str(settings.state_dir),
        "ENRICHMENT_TIMEOUT_S": str(settings.enrichment_timeout_s),
    }


def free_port() -> int:
    """A port on loopback that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def application(runtime: Runtime) -> AsyncIterator[FastAPI]:
    """The whole application, on that runtime."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Runtime]:
        yield runtime

    app = create_app(opened)
    async with app.router.lifespan_context(app):
        yield app


def client_of(app: FastAPI, token: str | None = None) -> httpx.AsyncClient:
    """A client that calls it without a network; what fails in it is an answer."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(transport=transport, base_url="http://lab", headers=headers)


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application on `runtime`."""
    async with application(runtime) as app, client_of(app) as client:
        yield client


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def listening(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application behind a real server, which notices who goes away."""
    with serving.listening("127.0.0.1", 0) as listener:
        async with application(runtime) as app:
            server = _Server(uvicorn.Config(app, log_config=None, lifespan="off"))
            served = asyncio.create_task(server.serve(sockets=[listener]))
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            async with httpx.AsyncClient(base_url=address, timeout=60) as client:
                yield client
            server.should_exit = True
            await served


@pytest.fixture
async def web(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `runtime` behind a real server."""
    async with listening(runtime) as client:
        yield client
