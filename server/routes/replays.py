"""Replay: a run rerun offline by the code that serves, exported, or forked live."""

import asyncio
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from replay.comparing.contrast import contrast
from replay.export import exported
from replay.file.suffix import SUFFIX
from replay.forking.fork import Changed, fork
from replay.running.rerun import rerun
from server.access import ADMITTED, FORKING
from server.dependencies import Recordings, Running
from server.fields import Name
from server.openapi import documented
from server.problems import WITH_BODY
from server.replay_schemas import Comparison, Fork, Rerun
from server.schemas import Run

router = APIRouter(prefix="/v1/runs", tags=["replay"], dependencies=[ADMITTED])
MEDIA_TYPE = "application/jsonl"
_FILE: dict[str, Any] = {
    "description": "The file",
    "content": {MEDIA_TYPE: {"itemSchema": {"type": "object"}}},
    "headers": {"Content-Disposition": {"schema": {"type": "string"}}},
}
_ACCEPTED: dict[str, Any] = {
    "description": "Accepted; Location is the run",
    "headers": {"Location": {"schema": {"type": "string"}}},
}


@router.post("/{run_id}/rerun", summary="Rerun a run", responses=documented(404, 409, 422))
async def run_again(run_id: Name, runtime: Running, recordings: Recordings) -> Rerun:
    """Run the code of this server on what the run recorded; nothing outside is asked.

    Also a run that goes another way now is answered with 200: the verdict says where.
    """
    recording = await recordings.recording(run_id)
    verdict, _ = await rerun(recording, settings=runtime.settings)
    return Rerun.model_validate({**asdict(verdict), "run_id": run_id})


@router.get(
    "/{run_id}/export",
    summary="Export a run",
    response_class=Response,
    responses={200: _FILE, **documented(404, 409, 422)},
)
async def export(run_id: Name, recordings: Recordings) -> Response:
    """As one text file without secrets, which `python -m replay` reads."""
    text = await exported(await recordings.recording(run_id))
    named = {"Content-Disposition": f'attachment; filename="{run_id}{SUFFIX}"'}
    return Response(text, media_type=MEDIA_TYPE, headers=named)


@router.get(
    "/{run_id}/diff/{other}", summary="Compare two runs", responses=documented(404, 409, 422)
)
async def compare(run_id: Name, other: Name, recordings: Recordings) -> Comparison:
    """What the other run (B) did differently from this one (A), and what came of it."""
    one, another = await recordings.recording(run_id), await recordings.recording(other)
    found = await asyncio.to_thread(contrast, one, another)
    return Comparison.model_validate(found)


@router.post(
    "/{run_id}/fork",
    status_code=202,
    summary="Fork a run",
    response_model=Run,
    responses={202: _ACCEPTED, **documented(*WITH_BODY, 403, 404, 409)},
    dependencies=[FORKING],
)
async def go_on(run_id: Name, body: Fork, runtime: Running, recordings: Recordings) -> Response:
    """Start a run that goes on from a step of this one, live, on a conversation of its own.

    It asks models and sources as every investigation does, and is followed as every run is. The
    run that it goes on from stays as it is.
    """
    changed = Changed(model=body.model, prompt=body.prompt, values=body.values)
    run = await fork(runtime, await recordings.recording(run_id), body.at, changed)
    accepted = Run.model_validate(run).model_dump(mode="json")
    return JSONResponse(accepted, 202, {"Location": f"/v1/runs/{run['run_id']}"})
