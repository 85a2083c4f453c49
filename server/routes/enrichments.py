"""Enrichments: how the analyst's study of each turn stands or ended."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from graph.state import ReceiptStatus
from server.access import ADMITTED
from server.fields import Moment, Name, Parameters
from server.openapi import documented
from server.problems import WITH_BODY, NotFound
from server.routes.running import Running
from server.schemas import Receipt, Receipts, Retry

router = APIRouter(prefix="/v1/enrichments", tags=["enrichments"], dependencies=[ADMITTED])


class Wanted(Parameters):
    """Which receipts are listed."""

    status: ReceiptStatus | None = None
    since: Moment | None = None
    limit: int = Field(default=100, ge=1, le=500)


@router.get("", summary="List receipts", responses=documented(422))
async def receipts(runtime: Running, wanted: Annotated[Wanted, Query()]) -> Receipts:
    """Those of turns asked since then; the latest changed first."""
    found = await runtime.enrichments(**wanted.model_dump())
    return Receipts(items=[Receipt.model_validate(entry) for entry in found])


@router.get("/{run_id}", summary="Read a receipt", responses=documented(404, 422))
async def enrichment(run_id: Name, runtime: Running) -> Receipt:
    """How the enrichment of that run stands or ended."""
    kept = await runtime.receipts.get(run_id)
    if kept is None:
        raise NotFound(f"no enrichment of turn {run_id} is known")
    return Receipt.model_validate(kept)


@router.post(
    "/{run_id}/retry",
    status_code=202,
    summary="Run an enrichment again",
    responses=documented(*WITH_BODY, 409),
)
async def retry(run_id: Name, body: Retry, runtime: Running) -> Receipt:
    """With another model or timeout if wanted; refused while it waits or runs."""
    pending = await runtime.retry(run_id, model=body.model, timeout_s=body.timeout_s)
    return Receipt.model_validate(pending)
