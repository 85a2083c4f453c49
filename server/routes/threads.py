"""Threads: the conversations."""

from typing import Annotated

from fastapi import APIRouter, Query
from langchain_core.messages import AIMessage
from pydantic import Field

from server.access import ADMITTED
from server.dependencies import Running
from server.fields import Name, Parameters, Text
from server.openapi import documented
from server.refusal import NotFound
from server.schemas import Thread, Threads, ThreadSummary

router = APIRouter(prefix="/v1/threads", tags=["threads"], dependencies=[ADMITTED])


class Wanted(Parameters):
    """Which conversations are listed."""

    limit: int = Field(default=20, ge=1, le=100)
    cursor: Text | None = Field(default=None, max_length=300)


@router.get("", summary="List conversations", responses=documented(422))
async def threads(runtime: Running, wanted: Annotated[Wanted, Query()]) -> Threads:
    """That with the latest question first."""
    found, following = await runtime.runs.threads(**wanted.model_dump())
    items = [ThreadSummary.model_validate(entry) for entry in found]
    return Threads(items=items, next_cursor=following)


@router.get("/{thread_id}", summary="Read a conversation", responses=documented(404, 422))
async def thread(thread_id: Name, runtime: Running) -> Thread:
    """Its questions and answers, in order; its runs are listed by `GET /v1/runs?thread_id=`."""
    state = await runtime.state(thread_id)
    on_it = await runtime.runs.unfinished(thread_id=thread_id, limit=1)
    if not state and not on_it:
        raise NotFound(f"no thread {thread_id} is known")
    spoken = [
        {"role": "user" if message.type == "human" else "assistant", "content": message.text}
        for message in state.get("messages", [])
        if message.type == "human" or (isinstance(message, AIMessage) and not message.tool_calls)
    ]
    return Thread(
        thread_id=thread_id, messages=spoken, running=on_it[0]["run_id"] if on_it else None
    )
