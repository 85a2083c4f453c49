"""Memory: what the analyst wrote, and what people say of it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from graph.memory import MemoryStatus
from server.access import ADMITTED, Admitted
from server.dependencies import Running
from server.fields import Name, Parameters, Text
from server.openapi import documented
from server.pages import following, place
from server.refusal import NotFound
from server.schemas import MemoryItem, MemoryItems

router = APIRouter(prefix="/v1/memory", tags=["memory"], dependencies=[ADMITTED])
MARKS: dict[str, MemoryStatus] = {
    "acknowledge": "acknowledged",
    "resolve": "resolved",
    "retire": "retired",
}


class Wanted(Parameters):
    """How many items are listed, and from where on."""

    limit: int = Field(default=100, ge=1, le=500)
    cursor: Text | None = Field(default=None, max_length=20)


@router.get("", summary="List what was learned", responses=documented(422))
async def items(runtime: Running, wanted: Annotated[Wanted, Query()]) -> MemoryItems:
    """Insights, patterns and baselines, the latest confirmed first."""
    offset = place(wanted.cursor)
    found = await runtime.memory.items(wanted.limit, offset)
    items = [MemoryItem.model_validate(entry) for entry in found]
    return MemoryItems(items=items, next_cursor=following(offset, len(items), wanted.limit))


@router.get("/{item_id}", summary="Read an item", responses=documented(404, 422))
async def item(item_id: Name, runtime: Running) -> MemoryItem:
    """With where it comes from, and what people said of it."""
    found = await runtime.memory.item(item_id)
    if found is None:
        raise NotFound(f"no item {item_id} is in memory")
    return MemoryItem.model_validate(found)


@router.post("/{item_id}/{action}", summary="Mark an item", responses=documented(404, 422))
async def mark(
    item_id: Name,
    action: Literal["acknowledge", "resolve", "retire"],
    runtime: Running,
    caller: Admitted,
) -> MemoryItem:
    """Kept with the caller's name. What is retired is not recalled any more."""
    marked = await runtime.memory.mark(item_id, MARKS[action], caller.name)
    if marked is None:
        raise NotFound(f"no item {item_id} is in memory")
    return MemoryItem.model_validate(marked)
