"""The time to an answer with enrichment on, against the time with it off, in one run.

The analyst hangs, so an enrichment runs beside every answer that is measured. The turns
alternate, so that the machine's load falls on both alike. Each call of the orchestrator takes
`MODEL_DELAY_S`, far less than a real model takes, which makes the bar harder to hold. The cost
of the hand-over itself is read from the same turns.
"""

import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from uuid import uuid4

from bench.figure import Figure
from graph.run import Asked
from graph.runtime import Runtime, open_runtime
from lab import bolt, minimax, postgres, standin
from lab.estate import DATABASE, settings
from lab.faults import Hang
from lab.incident import load

PAIRS = 30
MODEL_DELAY_S = 0.5
BAR = 1.02


async def on_sqlite() -> Figure:
    """The ratio of the two medians, with the state in files."""
    return await _measure("SQLite", {}, {})


async def on_postgres() -> Figure:
    """The ratio of the two medians, each side with a database of its own."""
    async with postgres.serve() as server:
        on, off = [
            {"database_url": await server.database(name), "executor_id": "bench"}
            for name in ("on", "off")
        ]
        return await _measure("PostgreSQL", on, off)


async def _measure(where: str, on: dict[str, Any], off: dict[str, Any]) -> Figure:
    question = load("bad-deploy").question
    seconds_on, seconds_off, hand_overs_ms = [], [], []
    async with _both(on, off) as (with_it, without_it):
        for runtime in (with_it, without_it):
            await _turn(runtime, question)
        for _ in range(PAIRS):
            seconds, hand_over_s = await _turn(with_it, question)
            seconds_on.append(seconds)
            hand_overs_ms.append(1000 * hand_over_s)
            seconds_off.append((await _turn(without_it, question))[0])
    ratio = median(seconds_on) / median(seconds_off)
    p95_ms = quantiles(hand_overs_ms, n=20)[-1]
    detail = (
        f"{median(seconds_off):.3f} s to the answer without; medians of {PAIRS} turns each, "
        f"{MODEL_DELAY_S} s a model call; the hand-over takes {median(hand_overs_ms):.1f} ms "
        f"(median), {p95_ms:.1f} ms (p95)"
    )
    return Figure(f"answer time, enrichment on / off, {where}", ratio, BAR, detail)


@asynccontextmanager
async def _both(on: dict[str, Any], off: dict[str, Any]) -> AsyncIterator[tuple[Runtime, Runtime]]:
    incident = load("bad-deploy")
    with tempfile.TemporaryDirectory(prefix="netforge-bench-") as folder:
        async with bolt.serve([DATABASE]) as server, minimax.serve(standin.answer) as provider:
            await server.load(incident.topology, DATABASE)
            provider.delay_s = MODEL_DELAY_S
            provider.always("MiniMax-M2.5", Hang())
            # The analyst's failures must not stop the enrichments that are to run beside.
            on = {"enrichment_timeout_s": 5, "enrichment_failures": 1000, **on}
            first = settings(server, provider, Path(folder) / "on", **on)
            second = settings(server, provider, Path(folder) / "off", enrichment=False, **off)
            async with open_runtime(first) as with_it, open_runtime(second) as without_it:
                yield with_it, without_it


async def _turn(runtime: Runtime, question: str) -> tuple[float, float]:
    """Seconds to the answer, and of the hand-over within it."""
    run_id, thread_id, hand_over_s = str(uuid4()), str(uuid4()), 0.0
    started = time.perf_counter()
    async for event in runtime.stream(Asked(question, run_id, thread_id)):
        if event["name"] == "hand_over" and event["event"] == "ended":
            hand_over_s = event["seconds"]
    took_s = time.perf_counter() - started
    state = await runtime.state(thread_id)
    assert state["report"], state["messages"][-1].text
    return took_s, hand_over_s
