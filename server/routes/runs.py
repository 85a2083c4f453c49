"""Runs: what was asked, how it stands, its steps and what it gathered."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from fastapi.sse import EventSourceResponse
from pydantic import Field

from graph.run import RunStatus, answer_of
from server.access import ADMITTED
from server.dependencies import Running
from server.events import EVENTS, stream
from server.fields import Moment, Name, Parameters, Text
from server.openapi import documented
from server.refusal import NotFound
from server.schemas import Answered, EvidenceList, Run, Runs, Step, StepInFull, Steps
from server.steps import Snapshots, shown

router = APIRouter(prefix="/v1/runs", tags=["runs"], dependencies=[ADMITTED])


class Wanted(Parameters):
    """Which runs are listed."""

    limit: int = Field(default=20, ge=1, le=100)
    cursor: Text | None = Field(default=None, max_length=300)
    thread_id: Name | None = None
    status: RunStatus | None = None
    since: Moment | None = Field(default=None, examples=["2026-11-26T00:00:00Z"])


@router.get("", summary="List runs, the latest first", responses=documented(422))
async def runs(runtime: Running, wanted: Annotated[Wanted, Query()]) -> Runs:
    """`since` is a time, ISO 8601 in UTC; `cursor` is the `next_cursor` of the page before."""
    found, following = await runtime.runs.page(**wanted.model_dump())
    return Runs(items=[Run.model_validate(run) for run in found], next_cursor=following)


@router.get("/{run_id}", summary="Read a run", responses=documented(404, 422))
async def run(run_id: Name, runtime: Running) -> Run:
    """How it stands, and what it used."""
    return Run.model_validate(await runtime.turns.known(run_id))


@router.get(
    "/{run_id}/events",
    summary="Follow a run",
    response_class=Response,
    responses={200: {"content": EVENTS}, **documented(404, 422)},
)
async def events(
    run_id: Name, runtime: Running, last_event_id: Annotated[str | None, Header()] = None
) -> Response:
    """All that happened and happens in it, after the event of `Last-Event-ID` when that is sent.

    It can be read as often as wanted, also after the end.
    """
    await runtime.turns.known(run_id)
    return EventSourceResponse(stream(runtime, run_id, last_event_id))


@router.post("/{run_id}/cancel", summary="Cancel a run", responses=documented(404, 409, 422))
async def cancel(run_id: Name, runtime: Running) -> Run:
    """End it without an answer, wherever it runs."""
    return Run.model_validate(await runtime.turns.cancel(run_id))


@router.get("/{run_id}/answer", summary="Read the answer", responses=documented(404, 422))
async def answer(run_id: Name, runtime: Running) -> Answered:
    """The answer and its report."""
    known = await runtime.turns.known(run_id)
    if known["status"] not in ("done", "failed"):
        raise NotFound(f"run {run_id} has no answer: it is {known['status']}")
    state = await Snapshots(runtime.graph, known).state()
    return Answered.model_validate({**known, **answer_of(state)})


@router.get("/{run_id}/evidence", summary="Read the evidence", responses=documented(404, 422))
async def evidence(run_id: Name, runtime: Running) -> EvidenceList:
    """What its tools returned, each with its query, status and the text the model saw."""
    state = await Snapshots(runtime.graph, await runtime.turns.known(run_id)).state()
    texts = {message.id: message.text for message in state.get("messages", [])}
    entries: list[dict[str, Any]] = [
        {**entry, "content": texts.get(entry["message_id"])}
        for entry in state.get("evidence", [])
        if entry["turn_id"] == run_id
    ]
    return EvidenceList(items=entries)


@router.get("/{run_id}/steps", summary="List the steps", responses=documented(404, 422))
async def steps(run_id: Name, runtime: Running) -> Steps:
    """Each is a checkpoint."""
    found = await Snapshots(runtime.graph, await runtime.turns.known(run_id)).steps()
    return Steps(items=[Step(**shown(number, *pair)) for number, pair in enumerate(found, 1)])


@router.get("/{run_id}/steps/{number}", summary="Read a step", responses=documented(404, 422))
async def step(run_id: Name, number: int, runtime: Running) -> StepInFull:
    """With the state before and after it."""
    found = await Snapshots(runtime.graph, await runtime.turns.known(run_id)).steps()
    if not 1 <= number <= len(found):
        raise NotFound(f"run {run_id} has {len(found)} steps; there is no step {number}")
    return StepInFull(**shown(number, *found[number - 1], in_full=True))
