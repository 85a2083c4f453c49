"""A thousand turns handed over at once: what that does to answers, and how the backlog drains.

The turns are copies of one that was investigated, handed over as `respond` does it, while
other questions are asked. The bar is on the answer time during the burst against before it. The
backlog must drain at the configured concurrency, as the analyst's double sees it.
"""

import asyncio
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median
from uuid import uuid4

from bench import provider
from bench.figure import Figure
from graph.runtime import Runtime, open_runtime
from graph.study import first_checkpoint
from lab import bolt
from lab.estate import DATABASE, settings
from lab.incident import load

TURNS = 1000
SIDE_BY_SIDE = 8
CONCURRENCY = 8
ANSWERS = 5
MODEL_DELAY_S = 0.5
BAR = 1.15
DRAIN_LIMIT_S = 600


async def measure() -> Figure:
    """The ratio of the median answer times; the drain and the memory are in the detail."""
    incident = load("bad-deploy")
    with tempfile.TemporaryDirectory(prefix="netforge-bench-") as folder:
        async with bolt.serve([DATABASE]) as server, provider.serve(MODEL_DELAY_S) as models:
            await server.load(incident.topology, DATABASE)
            chosen = settings(
                server,
                models,
                Path(folder),
                enrichment_backlog=2 * TURNS,
                enrichment_concurrency=CONCURRENCY,
            )
            async with open_runtime(chosen) as runtime:
                return await _burst(runtime, incident.question, models)


async def _burst(runtime: Runtime, question: str, models: provider.Provider) -> Figure:
    before_s = [await _seconds(runtime, question) for _ in range(ANSWERS)]
    before_mib = _peak_mib()
    started = time.perf_counter()
    handing = asyncio.create_task(_hand_over(runtime, question))
    during_s = [await _seconds(runtime, question) for _ in range(ANSWERS)]
    turns = await handing
    handed_s = time.perf_counter() - started
    await _drained(runtime, turns)
    drained_s = time.perf_counter() - started
    most = await models.most_at_once()
    assert most == CONCURRENCY, f"{most} of the analyst's requests open at once"
    ratio = median(during_s) / median(before_s)
    detail = (
        f"{median(before_s):.2f} s to the answer before; {TURNS} turns handed over in "
        f"{handed_s:.1f} s and enriched in {drained_s:.1f} s, {most} at once at most "
        f"(configured: {CONCURRENCY}); peak memory {before_mib:.0f} MiB before, "
        f"{_peak_mib():.0f} MiB after"
    )
    return Figure(f"answer time in a burst of {TURNS} hand-overs / before", ratio, BAR, detail)


async def _hand_over(runtime: Runtime, question: str) -> list[str]:
    state = await runtime.investigate(question)
    slots = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one() -> str:
        turn = {**state["turn"], "id": str(uuid4()), "thread_id": str(uuid4())}
        copied = {**state, "turn": turn}
        copied["evidence"] = [{**entry, "turn_id": turn["id"]} for entry in state["evidence"]]
        first = first_checkpoint(copied, state["messages"][-1].text, [])  # type: ignore[arg-type]
        async with slots:
            handed = await runtime.detached(turn, {**first, "report": None})  # type: ignore[arg-type]
        assert handed["status"] == "pending", handed["reason"]
        return handed["turn_id"]

    return await asyncio.gather(*(one() for _ in range(TURNS)))


async def _drained(runtime: Runtime, turns: list[str]) -> None:
    """Wait until each has ended; all of them must be in memory."""
    async with asyncio.timeout(DRAIN_LIMIT_S):
        ended = [await runtime.enrichment(turn_id) for turn_id in turns]
    statuses = Counter(entry["status"] if entry else "unknown" for entry in ended)
    assert statuses == {"stored": TURNS}, statuses


async def _seconds(runtime: Runtime, question: str) -> float:
    started = time.perf_counter()
    state = await runtime.investigate(question)
    assert state["report"], state["messages"][-1].text
    return time.perf_counter() - started


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
