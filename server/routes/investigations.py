"""Asking: the answer as JSON, as a stream of events, or later."""

import asyncio
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse
from pydantic import BaseModel

from graph.codec import digest
from graph.errors import RunEnded
from graph.run import Asked, Event
from graph.runtime import Runtime
from server.access import ADMITTED, Admitted
from server.dependencies import Running
from server.events import EVENTS, stream
from server.fields import Name
from server.openapi import documented
from server.problems import WITH_BODY
from server.refusal import Cancelled
from server.schemas import Answered, Ask, Run

router = APIRouter(prefix="/v1", tags=["investigations"], dependencies=[ADMITTED])


class Wishes(BaseModel):
    """How the caller wants the answer."""

    accept: str = "application/json"
    prefer: str = ""
    idempotency_key: Name | None = None


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": Answered, "content": EVENTS, "description": "The answer, or its events"},
    202: {"model": Run, "description": "Accepted; Location is the run"},
}


@router.post(
    "/investigations",
    summary="Investigate a question",
    responses={**_ANSWERS, **documented(*WITH_BODY, 409)},
    response_model=Answered,
)
async def investigate(
    body: Ask,
    runtime: Running,
    caller: Admitted,
    request: Request,
    wishes: Annotated[Wishes, Header()],
) -> Response:
    """Wait for the answer, follow it, or have it run and come back later.

    `Accept: text/event-stream` follows it; `Prefer: respond-async` answers at once. The run goes
    on when the caller goes away, unless it is told to be cancelled then. The same
    `Idempotency-Key` again is the same run.
    """
    asked = _asked(body, caller.name, wishes.idempotency_key)
    run, new = await runtime.submit(asked)
    headers = {"Location": f"/v1/runs/{run['run_id']}"}
    if not new:
        headers["Idempotency-Replayed"] = "true"
    run_id, cancel = run["run_id"], body.on_disconnect == "cancel"
    if "respond-async" in wishes.prefer:
        headers["Preference-Applied"] = "respond-async"
        accepted = Run.model_validate(run).model_dump(mode="json")
        return JSONResponse(accepted, 202, headers)
    if "text/event-stream" in wishes.accept:
        events = stream(runtime, run_id, None, cancel_on_disconnect=cancel)
        return EventSourceResponse(events, headers=headers)
    last = await _last(runtime, request, run_id, cancel=cancel)
    if last["event"] == "cancelled":
        raise Cancelled(f"run {run_id} was cancelled before it had an answer", run_id)
    answered = Answered.model_validate({**last["data"], "thread_id": run["thread_id"]})
    return JSONResponse(answered.model_dump(mode="json"), 200, headers)


def _asked(body: Ask, caller: str, key: str | None) -> Asked:
    return Asked(
        question=body.question,
        run_id=str(uuid4()),
        thread_id=body.thread_id or str(uuid4()),
        focus=body.focus,
        alert=body.alert,
        budgets=body.budgets.model_dump(exclude_none=True),
        labels=body.metadata,
        origin="http",
        key=f"http:{caller}:{key}" if key else None,
        key_digest=digest(body.model_dump(mode="json")) if key else None,
        queue=body.when_busy == "queue",
    )


async def _last(runtime: Runtime, request: Request, run_id: str, *, cancel: bool) -> Event:
    """The event that ends the run. With `cancel` the run is cancelled when the caller is gone."""

    async def gone() -> None:
        # The body has been read, so what comes next is that the caller is gone.
        while (await request.receive())["type"] != "http.disconnect":
            pass
        try:
            await runtime.turns.cancel(run_id)
        except RunEnded:
            return

    watch = asyncio.create_task(gone()) if cancel else None
    last: Event | None = None
    try:
        async for event in runtime.turns.follow(run_id):
            last = event
    finally:
        if watch:
            watch.cancel()
            await asyncio.wait({watch})
    assert last is not None, "a run ends with an event"
    return last
