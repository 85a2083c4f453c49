"""The events of a run as a stream of server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from graph.errors import RunEnded, StateUnavailable
from graph.run import Event
from graph.runtime import Runtime

KEEPALIVE_S = 15.0
NAMES = ("accepted", "started", "ended", "answered", "cancelled", "interrupted")
EVENTS: dict[str, Any] = {
    "text/event-stream": {
        "itemSchema": {
            "type": "object",
            "required": ["event", "data"],
            "properties": {
                "id": {"type": "string", "description": "For Last-Event-ID"},
                "event": {"enum": list(NAMES)},
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": {"type": "object"},
                },
            },
        },
        "example": 'id: 1.1\nevent: accepted\ndata: {"run_id": "7d1c6a0e", "thread_id": "t"}\n\n',
    }
}
"""How OpenAPI describes it."""


async def stream(
    runtime: Runtime, run_id: str, after: str | None, *, cancel_on_disconnect: bool = False
) -> AsyncIterator[bytes]:
    """What happens in the run after the event of that id, as bytes; comments keep it open.

    Ends with `answered` or `cancelled`; with `interrupted` when the run broke off here and goes
    on later: then ask again.
    """
    ended = False
    try:
        async for event in _with_pauses(runtime.turns.follow(run_id, after)):
            if event is None:
                yield KEEPALIVE_COMMENT
            else:
                yield _bytes(event)
        ended = True
    except StateUnavailable as error:
        ended = True
        told = {"run_id": run_id, "detail": str(error)}
        yield format_sse_event(event="interrupted", data_str=json.dumps(told))
    finally:
        if cancel_on_disconnect and not ended:
            # This task is being cancelled; the run must not depend on it.
            await asyncio.shield(_cancel(runtime, run_id))


async def _cancel(runtime: Runtime, run_id: str) -> None:
    try:
        await runtime.turns.cancel(run_id)
    except RunEnded:
        return


async def _with_pauses(events: AsyncIterator[Event]) -> AsyncIterator[Event | None]:
    """The events, and None each time there was none for a while."""
    following = asyncio.ensure_future(anext(events, None))
    try:
        while True:
            done, _ = await asyncio.wait({following}, timeout=KEEPALIVE_S)
            if not done:
                yield None
                continue
            event = following.result()
            if event is None:
                return
            yield event
            following = asyncio.ensure_future(anext(events, None))
    finally:
        following.cancel()
        await asyncio.wait({following})


def _bytes(event: Event) -> bytes:
    text = json.dumps(event["data"], ensure_ascii=False, default=str)
    return format_sse_event(id=event["id"], event=event["event"], data_str=text)
