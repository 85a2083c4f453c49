"""Threads: the conversations."""

from fastapi import APIRouter
from langchain_core.messages import AIMessage

from server.access import ADMITTED
from server.fields import Name
from server.openapi import documented
from server.problems import NotFound
from server.routes.running import Running
from server.schemas import Thread

router = APIRouter(prefix="/v1/threads", tags=["threads"], dependencies=[ADMITTED])


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
