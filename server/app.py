"""The HTTP application: its routes and what stands in front of them, on a runtime."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI

from graph.runtime import Runtime
from server import openapi, problems
from server.access import Access
from server.body_limit import BodyLimit
from server.dependencies import REPLAYS_AT_ONCE
from server.metrics import CountedRequests, Metrics
from server.request_id import RequestIds
from server.routes import enrichments, investigations, memory, replays, runs, system, threads
from server.webhooks.routes import webhook_routes

OpenRuntime = Callable[[], AbstractAsyncContextManager[Runtime]]
DESCRIPTION = """Ask what is wrong with a live estate. An answer is a report whose claims cite
evidence; after it an analyst studies the investigation, off the caller's path."""


def create_app(open_: OpenRuntime) -> FastAPI:
    """The application; `open_` is entered while it runs."""
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_() as runtime:
            app.state.runtime = runtime
            app.state.access = Access(runtime.settings)
            app.state.replays = asyncio.Semaphore(REPLAYS_AT_ONCE)
            app.state.metrics = metrics
            runtime.observers.add(metrics)
            yield

    # Their pages fetch scripts from a server that is not ours.
    app = FastAPI(
        title="NetForge",
        version="1",
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    for part in (investigations, runs, replays, threads, enrichments, memory, system):
        app.include_router(part.router)
    app.include_router(system.open_router)
    app.include_router(system.metrics_router)
    app.include_router(webhook_routes())
    app.add_middleware(BodyLimit)
    app.add_middleware(CountedRequests, metrics=metrics)
    app.add_middleware(RequestIds)
    problems.install(app)
    openapi.describe(app)
    return app
