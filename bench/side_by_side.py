"""The time of eight tool calls in one step, against the slowest of them, in one run.

What the graph database says arrives `DATABASE_DELAY_S` late, so that there is something to
wait for: calls one after the other would take about eight times as long as one.
"""

import tempfile
import time
from pathlib import Path
from statistics import median
from uuid import uuid4

from bench.figure import Figure
from graph.runtime import Runtime, open_runtime
from lab import bolt, minimax
from lab.estate import DATABASE, settings
from lab.incident import load
from lab.relay import relay

CALLS = 8
TURNS = 10
DATABASE_DELAY_S = 0.2
BAR = 1.15


async def measure() -> Figure:
    """The ratio of the medians over all turns but the first, which opens connections."""
    topology = load("bad-deploy").topology
    names = [service.name for service in topology.service][:CALLS]
    step = minimax.calling(*(("get_component", {"name": name}) for name in names))
    ended = minimax.Reply({"content": "Looked at."})
    with tempfile.TemporaryDirectory(prefix="netforge-bench-") as folder:
        async with (
            bolt.serve([DATABASE]) as server,
            minimax.serve(lambda _request: ended.message) as provider,
            relay("127.0.0.1", int(server.uri.rpartition(":")[2])) as between,
        ):
            await server.load(topology, DATABASE)
            address = f"bolt://127.0.0.1:{between.port}"
            chosen = settings(server, provider, Path(folder), neo4j_uri=address, enrichment=False)
            async with open_runtime(chosen) as runtime:
                between.delay_s = DATABASE_DELAY_S
                measured = []
                for _ in range(TURNS + 1):
                    provider.queue("MiniMax-M3", step, ended)
                    measured.append(await _step(runtime))
    steps, slowest = (median(values) for values in zip(*measured[1:], strict=True))
    detail = f"{steps:.3f} s a step, {slowest:.3f} s its slowest call; medians of {TURNS} steps"
    return Figure(f"{CALLS} tool calls in one step / the slowest", steps / slowest, BAR, detail)


async def _step(runtime: Runtime) -> tuple[float, float]:
    """Seconds between the answer that asks for the calls and the next question; of the slowest."""
    asked_s = answered_s = 0.0
    slowest_s: list[float] = []
    run_id, thread_id = str(uuid4()), str(uuid4())
    async for event in runtime.stream("How are they?", run_id=run_id, thread_id=thread_id):
        if event["kind"] == "tool" and event["event"] == "ended":
            slowest_s.append(event["seconds"])
        if event["kind"] == "model" and event["visit"] == 1 and event["event"] == "ended":
            asked_s = time.perf_counter()
        if event["kind"] == "model" and event["visit"] == 2 and event["event"] == "started":
            answered_s = time.perf_counter()
    assert len(slowest_s) == CALLS
    return answered_s - asked_s, max(slowest_s)
