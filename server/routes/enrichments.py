"""Enrichments: how the analyst's study of each turn stands or ended."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from graph.state import ReceiptStatus
from server.access import ADMITTED
from server.dependencies import Running
from server.fields import Moment, Name, Parameters, Text
from server.openapi import documented
from server.pages import following, place
from server.problems import WITH_BODY
from server.refusal import NotFound
from server.schemas import Receipt, Receipts, Retry

router = APIRouter(prefix="/v1/enrichments", tags=["enrichments"], dependencies=[ADMITTED])
MOST = 500


class Wanted(Parameters):
    """Which receipts are listed."""

    status: ReceiptStatus | None = None
    since: Moment | None = None
    limit: int = Field(default=100, ge=1, le=MOST)
    cursor: Text | None = Field(default=None, max_length=20)


@router.get("", summary="List receipts", responses=documented(422))
async def receipts(runtime: Running, wanted: Annotated[Wanted, Query()]) -> Receipts:
    """Those of turns asked since then; the latest changed first.

    One that changes while the pages are read may come twice; none is left out.
    """
    offset = place(wanted.cursor)
    found = await runtime.receipts.search(
        status=wanted.status, since=wanted.since, limit=wanted.limit, offset=offset
    )
    items = [Receipt.model_validate(entry) for entry in found]
    return Receipts(items=items, next_cursor=following(offset, len(items), wanted.limit))


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
