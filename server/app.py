"""The HTTP application; `langgraph dev` mounts the same one beside its own routes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any, cast
from uuid import uuid4

from fastapi import Depends, FastAPI, HTTPException, Request

from graph.build import Builder
from graph.errors import InvalidQuestion, StateUnavailable, ThreadBusy
from graph.runtime import Runtime, open_runtime
from graph.settings import load
from server.schemas import Answered, Ask, Health

OpenRuntime = Callable[[], AbstractAsyncContextManager[Runtime]]


def create_app(open_: OpenRuntime) -> FastAPI:
    """The application; `open_` is entered while it runs."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_() as runtime:
            app.state.runtime = runtime
            yield

    app = FastAPI(title="NetForge", lifespan=lifespan)
    app.get("/healthz")(health)
    app.post("/v1/investigations")(investigate)
    app.get("/v1/enrichments/{turn_id}")(enrichment)
    return app


def _runtime(request: Request) -> Runtime:
    return cast(Runtime, request.app.state.runtime)


Running = Annotated[Runtime, Depends(_runtime)]


async def health(runtime: Running) -> Health:
    """Say that the server runs, and what it does without."""
    return Health(status="ok", disabled=runtime.disabled)


async def investigate(body: Ask, runtime: Running) -> Answered:
    """Investigate, and answer when the report is there."""
    run_id, thread_id = str(uuid4()), body.thread_id or str(uuid4())
    try:
        state = await runtime.investigate(
            body.question, run_id=run_id, thread_id=thread_id, focus=body.focus
        )
    except InvalidQuestion as error:
        raise HTTPException(422, str(error)) from error
    except ThreadBusy as error:
        raise HTTPException(409, str(error)) from error
    except StateUnavailable as error:
        raise HTTPException(503, str(error)) from error
    report = state["report"]
    return Answered(
        run_id=run_id,
        thread_id=thread_id,
        answer=state["messages"][-1].text,
        report=cast(Any, report),
        failure=cast("dict[str, Any] | None", state["failure"]),
        spent=dict(state["spent"]),
        enrichment=cast("dict[str, Any] | None", state["enrichment"]),
    )


async def enrichment(turn_id: str, runtime: Running) -> dict[str, Any]:
    """How the enrichment of that turn (its run id) stands or ended."""
    receipt = await runtime.receipts.get(turn_id)
    if receipt is None:
        raise HTTPException(404, f"no enrichment of turn {turn_id} is known")
    return dict(receipt)


@asynccontextmanager
async def _from_environment() -> AsyncIterator[Runtime]:
    settings = await asyncio.to_thread(load)
    async with open_runtime(settings) as runtime:
        yield runtime


app = create_app(_from_environment)


async def studio() -> Builder:
    """The graph for `langgraph dev`, on the runtime that the mounted application opened."""
    return cast(Runtime, app.state.runtime).builder
