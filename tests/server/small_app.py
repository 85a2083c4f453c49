"""A small application with the server's refusals and guards, and routes that provoke them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, FiniteFloat
from pydantic_settings import SettingsConfigDict
from starlette.middleware import Middleware
from starlette.responses import Response

from graph.errors import EnrichmentRefused, InvalidQuestion, StateUnavailable, ThreadBusy
from graph.settings import Settings
from server.access import ADMITTED, Access, Admitted
from server.body_limit import BodyLimit
from server.fields import JsonObject, Name, Text
from server.openapi import describe, documented
from server.problems import WITH_BODY, install
from server.refusal import NotFound
from server.request_id import RequestIds, request_id

RAISED: dict[str, Exception] = {
    "question": InvalidQuestion("the question is empty"),
    "busy": ThreadBusy("a turn runs on thread t"),
    "state": StateUnavailable("the queue cannot be used"),
    "enrichment": EnrichmentRefused("it runs"),
    "unknown": NotFound("no run r is known"),
    "surprise": RuntimeError("password=hunter2"),
}
router = APIRouter(dependencies=[ADMITTED])


class WithoutFile(Settings):
    """The settings, without the `.env` of whoever runs the tests."""

    model_config = SettingsConfigDict(env_file=None)


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    question: Text
    alert: JsonObject | None = None
    budget: FiniteFloat = 1


@router.post("/v1/ask", responses=documented(*WITH_BODY, 409))
async def ask(asked: Asked) -> dict[str, Any]:
    return asked.model_dump()


@router.get("/v1/runs/{run_id}", responses=documented(404))
async def run(run_id: Name, response: Response) -> str:
    response.headers["Location"] = f"/v1/runs/{run_id}"
    return run_id


@router.post("/v1/runs/{run_id}", responses=documented(404))
async def cancel(run_id: Name) -> str:
    return run_id


@router.get("/v1/raise/{which}", responses=documented(404, 409, 422))
async def raising(which: str) -> None:
    raise RAISED[which]


@router.get("/v1/me", responses=documented())
async def me(who: Admitted) -> dict[str, str | None]:
    return {"name": who.name, "request": request_id.get()}


@router.get("/v1/stream", responses=documented())
async def stream() -> StreamingResponse:
    async def words() -> AsyncIterator[str]:
        yield "first"
        await asyncio.Event().wait()

    return StreamingResponse(words())


async def health() -> str:
    return "ok"


def make(**settings: Any) -> FastAPI:
    chosen = {"minimax_api_key": "k", **settings}
    app = FastAPI(middleware=[Middleware(RequestIds), Middleware(BodyLimit)])
    install(app)
    describe(app)
    app.state.access = Access(WithoutFile(**chosen))
    app.include_router(router)
    app.get("/healthz")(health)
    return app


def client(app: FastAPI, token: Annotated[str | None, "its bearer"] = None) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(transport=transport, base_url="http://lab", headers=headers)
