"""fork: a new run that goes on from a step of another one, live."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graph.codec import read_json
from graph.errors import RunEnded, StateInUse, StateUnavailable
from graph.run import Event
from graph.settings import Settings, load
from graph.state import Receipt
from graph.untrusted import printable
from replay.file.source import file_text, recording_of
from replay.forking.edits import QUESTION
from replay.forking.fork import Changed, ForkRefused, Prepared, fork, prepared
from replay.library import open_library
from replay.recording import Recording
from replay.terminal import say

if TYPE_CHECKING:
    from graph.runtime import Runtime

Say = Callable[[str], None]
UNITS = {
    "visits": "visits",
    "tool_calls": "tool calls",
    "tokens": "tokens",
    "cost_usd": "USD",
    "seconds": "s",
}
"""What each budget is told in."""


async def run(arguments: argparse.Namespace) -> int:
    """Check everything, say that it goes live, and follow it to its end; 1 when it failed."""
    changed = await _changed(arguments)
    settings = load()
    recording = await recording_of(arguments.run)
    ready = prepared(settings, recording, arguments.at, changed)
    tell = _aside if arguments.json else say
    tell(_live(settings, arguments.at, changed, ready))
    if unfinished := await _unfinished(settings):
        tell(f"it also takes up what is unfinished here and nobody works on ({unfinished})")
    # Only now: what is refused is refused without waiting for it.
    from graph.runtime import open_runtime

    try:
        async with open_runtime(settings) as runtime:
            told = await _followed(runtime, recording, arguments.at, changed, tell)
    except StateInUse as error:
        raise ForkRefused(
            f"{error}; or ask the server that works there: POST /v1/runs/{recording.run_id}/fork"
        ) from None
    tell(f"compare: python -m replay diff {arguments.run} {told['run_id']}")
    if arguments.json:
        say(json.dumps(told, ensure_ascii=False))
    return 0 if told["status"] == "done" else 1


async def _changed(arguments: argparse.Namespace) -> Changed:
    """What the arguments change. Raises ForkRefused, UnreadableValue."""
    values: dict[str, Any] = {}
    for text in arguments.set:
        name, separator, value = text.partition("=")
        if separator and name.isidentifier():
            values[name] = value if name == QUESTION else _value(value)
        else:
            values |= await _from_file(text)
    prompt = arguments.prompt and await file_text(Path(arguments.prompt))
    changed = Changed(arguments.model, prompt, values)
    changed.check()
    return changed


def _value(text: str) -> Any:
    try:
        return read_json(text)
    except ValueError:
        return text


async def _from_file(path: str) -> dict[str, Any]:
    try:
        values = read_json(await file_text(Path(path)))
    except ValueError as error:
        raise ForkRefused(f"--set {path}: {error}") from None
    if not isinstance(values, dict):
        raise ForkRefused(f"--set {path}: give an object whose names are channels of the state")
    return values


def _live(settings: Settings, at: str, changed: Changed, ready: Prepared) -> str:
    """That it is live, with which models, what it may use, and what it writes."""
    analyst = changed.model or settings.analyst_model
    if ready.study is not None:
        return (
            f"live from {at} on, as a new run: {analyst} is asked, for "
            f"{settings.enrichment_timeout_s:g} s at most, and what it finds is written to memory"
        )
    left = ", ".join(f"{amount:g} {UNITS[name]}" for name, amount in _left(settings, ready).items())
    orchestrator = changed.model or settings.orchestrator_model
    after = "no enrichment follows"
    if settings.enrichment:
        after = f"its enrichment by {settings.analyst_model} writes to memory"
    return (
        f"live from {at} on, as a new run: {orchestrator} and the sources are asked; left of the "
        f"budgets: {left}; {after}"
    )


def _left(settings: Settings, ready: Prepared) -> dict[str, float]:
    budgets, spent = {**settings.budgets, **ready.asked.budgets}, ready.spent
    if spent is None:
        return budgets
    used: dict[str, Any] = {**spent, "tokens": spent["input_tokens"] + spent["output_tokens"]}
    return {name: round(max(0.0, most - used[name]), 4) for name, most in budgets.items()}


async def _unfinished(settings: Settings) -> str:
    """What a process that is opened here may take up besides; empty when that is nothing."""
    try:
        async with open_library(settings) as library:
            counted = {
                "runs": sum((await library.runs.count_unfinished()).values()),
                "enrichments": len(await library.receipts.search(status="pending")),
            }
    except StateUnavailable:
        # A folder that is not there yet; whatever else it is, the start says it.
        return ""
    return ", ".join(f"{what}: {count}" for what, count in counted.items() if count)


async def _followed(
    runtime: "Runtime", recording: Recording, at: str, changed: Changed, tell: Say
) -> dict[str, Any]:
    """Fork, and tell what happens up to the end of the enrichment; all of it as one object."""
    begun = await fork(runtime, recording, at, changed)
    run_id = begun["run_id"]
    tell(f"run {run_id}, forked from {recording.run_id}")
    answered: dict[str, Any] = {}
    try:
        async for event in runtime.turns.follow(run_id):
            if event["event"] == "ended":
                tell(_step(event))
            answered = event["data"]
        for line in str(answered.get("answer", "")).splitlines():
            tell(line)
        receipt = await runtime.enrichment(run_id)
    except asyncio.CancelledError:
        tell(await _cancelled(runtime, run_id))
        raise
    if receipt:
        tell(_receipt(receipt))
    tell(f"{answered['status']}: run {run_id}")
    known = {"parent": recording.run_id, "at": at, "thread_id": begun["thread_id"]}
    return {**known, **answered, "receipt": receipt}


async def _cancelled(runtime: "Runtime", run_id: str) -> str:
    """End the run as far as it has not; what came of that."""
    try:
        await runtime.turns.cancel(run_id)
    except RunEnded:
        return f"run {run_id} is answered; its enrichment goes on at the next start"
    return f"cancelled: run {run_id}"


def _step(event: Event) -> str:
    known = event["data"]
    index = "" if known["index"] is None else f".{known['index']}"
    error = f" ({known['error']})" if known["error"] else ""
    return (
        f"{known['node']}#{known['visit']}{index} {known['kind']} {known['name']}: "
        f"{known['status']}{error}, {known['seconds']:.2f} s"
    )


def _receipt(receipt: Receipt) -> str:
    why = f" ({receipt['reason']})" if receipt["reason"] else ""
    return (
        f"enrichment {receipt['status']}{why}: {receipt['insights']} insights, "
        f"{receipt['patterns']} patterns, {receipt['seconds']:g} s"
    )


def _aside(line: str) -> None:
    sys.stderr.write(f"{printable(line)}\n")
