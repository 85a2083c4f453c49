"""The server itself: whether it lives and can work, its tools, and what was used."""

from typing import Annotated, cast

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from server.access import ADMITTED
from server.dependencies import Running
from server.fields import Moment, Parameters
from server.metrics import Metrics
from server.openapi import documented
from server.readiness import looked_at
from server.schemas import Health, Ready, ToolInfo, Tools, Usage

open_router = APIRouter(tags=["system"])
metrics_router = APIRouter(tags=["system"], dependencies=[ADMITTED])
router = APIRouter(prefix="/v1", tags=["system"], dependencies=[ADMITTED])


@open_router.get("/healthz", summary="Whether the server lives")
async def health(runtime: Running) -> Health:
    """That it runs, and what it does without. It asks nobody."""
    return Health(status="ok", disabled=runtime.disabled)


@open_router.get(
    "/readyz",
    summary="Whether the server can work",
    responses={503: {"model": Ready, "description": "Something it needs does not answer"}},
)
async def ready(runtime: Running, response: Response) -> Ready:
    """The database, the queue and the topology, as they answer now."""
    dependencies = await looked_at(runtime)
    failed = any(found.status == "failed" for found in dependencies.values())
    response.status_code = 503 if failed else 200
    return Ready(status="not ready" if failed else "ready", dependencies=dependencies)


@metrics_router.get(
    "/metrics",
    summary="What Prometheus scrapes",
    response_class=PlainTextResponse,
    responses=documented(),
)
async def metrics(request: Request, runtime: Running) -> Response:
    """The metrics, in Prometheus' text format; docs/metrics.md lists them."""
    text = await cast(Metrics, request.app.state.metrics).text(runtime)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


@router.get("/tools", summary="List the tools", responses=documented())
async def tools(runtime: Running) -> Tools:
    """Those that the orchestrator has; the sources it does without, with the reason."""
    found = [
        ToolInfo(name=tool.name, description=tool.description) for tool in runtime.toolset.tools
    ]
    return Tools(items=found, disabled=runtime.disabled)


class Since(Parameters):
    """Which runs are counted."""

    since: Moment | None = None


@router.get("/usage", summary="Sum up tokens and cost", responses=documented(422))
async def usage(runtime: Running, wanted: Annotated[Since, Query()]) -> Usage:
    """Over the runs asked since then (ISO 8601, UTC), or over all."""
    return Usage.model_validate(await runtime.runs.totals(wanted.since))
