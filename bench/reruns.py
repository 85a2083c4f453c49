"""How many reruns of one recorded turn, with its enrichment, one process does in a second.

The turn is recorded, exported and read again from that file. The reruns come one after the other,
after a few that warm everything up; each goes through all steps of both threads. A rerun waits
for nothing, so its time is that of the processor: what else the machine does is not in the figure.
The time on the clock is printed beside it.
"""

import tempfile
import time
from pathlib import Path
from statistics import median

from bench.figure import Figure
from graph.runtime import open_runtime
from lab.estate import open_estate
from lab.incident import load
from replay.export import exported
from replay.file.document import from_text
from replay.reading import read
from replay.recording import Recording
from replay.running.rerun import rerun

WARM_UP = 5
RERUNS = 200
BAR = 20.0


async def measure() -> Figure:
    """Reruns a second, from the median of their times."""
    recording = await _recorded()
    worked_s, took_s, exchanges = [], [], 0
    for _ in range(WARM_UP + RERUNS):
        began_s, started = time.process_time(), time.perf_counter()
        verdict, _ = await rerun(recording)
        worked_s.append(time.process_time() - began_s)
        took_s.append(time.perf_counter() - started)
        assert verdict.same, verdict
        exchanges = verdict.exchanges
    work_s, clock_s = median(worked_s[WARM_UP:]), median(took_s[WARM_UP:])
    steps = sum(len(segment.steps) for segment in recording.segments)
    detail = (
        f"{1000 * work_s:.1f} ms a rerun of {steps} steps and {exchanges} exchanges, "
        f"{1000 * clock_s:.1f} ms on the clock; medians of {RERUNS}"
    )
    return Figure("reruns a second", 1 / work_s, BAR, detail, must_be="at least")


async def _recorded() -> Recording:
    incident = load("bad-deploy")
    with tempfile.TemporaryDirectory(prefix="netforge-bench-") as folder:
        async with (
            open_estate(incident, Path(folder)) as estate,
            open_runtime(estate.settings) as runtime,
        ):
            state = await runtime.investigate(incident.question)
            turn_id = state["turn"]["id"]
            receipt = await runtime.enrichment(turn_id)
            assert receipt is not None
            assert receipt["status"] == "stored", receipt["reason"]
            run = await runtime.runs.get(turn_id)
            assert run is not None
            return from_text(await exported(await read(runtime.graph, run)))
