"""The time to an answer with enrichment on, against the time with it off, in one run.

The analyst hangs, so an enrichment runs beside every answer that is measured. The turns
alternate, so that the machine's load falls on both alike. Each call of the orchestrator takes
`MODEL_DELAY_S`, far less than a real model takes, which makes the bar harder to hold.
"""

import tempfile
import time
from pathlib import Path
from statistics import median

from bench.figure import Figure
from graph.runtime import Runtime, open_runtime
from lab import bolt, minimax, standin
from lab.estate import DATABASE, settings
from lab.faults import Hang
from lab.incident import load

TURNS = 20
MODEL_DELAY_S = 0.5
BAR = 1.02


async def measure() -> Figure:
    """The ratio of the two medians."""
    incident = load("bad-deploy")
    with tempfile.TemporaryDirectory(prefix="netforge-bench-") as folder:
        async with bolt.serve([DATABASE]) as server, minimax.serve(standin.answer) as provider:
            await server.load(incident.topology, DATABASE)
            provider.delay_s = MODEL_DELAY_S
            provider.always("MiniMax-M2.5", Hang())
            on = settings(server, provider, Path(folder) / "on", enrichment_timeout_s=5)
            off = settings(server, provider, Path(folder) / "off", enrichment=False)
            async with open_runtime(on) as with_it, open_runtime(off) as without_it:
                seconds_on, seconds_off = await _alternate(with_it, without_it, incident.question)
    ratio = median(seconds_on) / median(seconds_off)
    added_ms = 1000 * (median(seconds_on) - median(seconds_off))
    detail = (
        f"{median(seconds_off):.3f} s to the answer without, {added_ms:+.0f} ms with; medians of "
        f"{TURNS} turns each, {MODEL_DELAY_S} s a model call"
    )
    return Figure("answer time, enrichment on / off", ratio, BAR, detail)


async def _alternate(
    with_it: Runtime, without_it: Runtime, question: str
) -> tuple[list[float], list[float]]:
    seconds_on, seconds_off = [], []
    for runtime in (with_it, without_it):
        await _seconds(runtime, question)
    for _ in range(TURNS):
        seconds_on.append(await _seconds(with_it, question))
        seconds_off.append(await _seconds(without_it, question))
    return seconds_on, seconds_off


async def _seconds(runtime: Runtime, question: str) -> float:
    started = time.perf_counter()
    state = await runtime.investigate(question)
    assert state["report"], state["messages"][-1].text
    return time.perf_counter() - started
