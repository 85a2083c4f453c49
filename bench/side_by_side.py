"""The time of eight tool calls in one step, against the slowest of them, in one run.

They go to all three sources. What a source says arrives `SOURCE_DELAY_S` late, so that there is
something to wait for: calls one after the other would take about eight times as long as one.
"""

import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit
from uuid import uuid4

from bench.figure import Figure
from graph.run import Asked
from graph.runtime import Runtime, open_runtime
from graph.settings import Settings
from lab import minimax
from lab.estate import open_estate
from lab.incident import load
from lab.relay import Relay, relay

CALLS = 8
TURNS = 10
SOURCE_DELAY_S = 0.4
BAR = 1.15


STEP = minimax.calling(
    ("get_component", {"name": "cart-service"}),
    ("get_component", {"name": "pricing-service"}),
    ("search_monitors", {"service": "cart-service"}),
    ("search_monitors", {"service": "pricing-service"}),
    ("find_metrics", {"query": "trace.http"}),
    ("aws_alarms", {"state": "OK"}),
    ("aws_alarms", {"state": "ALARM"}),
    ("aws_metrics", {"namespace": "AWS/RDS", "metric": "CPUUtilization"}),
)


async def measure() -> Figure:
    """The ratio of the medians over all turns but the first, which opens connections."""
    ended = minimax.Reply({"content": "Looked at."})
    with tempfile.TemporaryDirectory(prefix="netforge-bench-") as folder:
        async with (
            open_estate(load("bad-deploy"), Path(folder), enrichment=False) as estate,
            _late(estate.settings) as (late, relays),
            open_runtime(late) as runtime,
        ):
            for between in relays:
                between.delay_s = SOURCE_DELAY_S
            measured = []
            for _ in range(TURNS + 1):
                estate.provider.queue("MiniMax-M3", STEP, ended)
                measured.append(await _step(runtime))
    steps, slowest = (median(values) for values in zip(*measured[1:], strict=True))
    detail = f"{steps:.3f} s a step, {slowest:.3f} s its slowest call; medians of {TURNS} steps"
    return Figure(f"{CALLS} tool calls in one step / the slowest", steps / slowest, BAR, detail)


@asynccontextmanager
async def _late(settings: Settings) -> AsyncIterator[tuple[Settings, list[Relay]]]:
    """The settings with a relay in front of each source."""
    async with AsyncExitStack() as stack:
        changed, relays = {}, []
        for name in ("neo4j_uri", "dd_api_url", "aws_endpoint_url"):
            address = urlsplit(getattr(settings, name))
            between = await stack.enter_async_context(relay("127.0.0.1", address.port or 0))
            changed[name] = f"{address.scheme}://127.0.0.1:{between.port}"
            relays.append(between)
        yield settings.model_copy(update=changed), relays


async def _step(runtime: Runtime) -> tuple[float, float]:
    """Seconds between the answer that asks for the calls and the next question; of the slowest."""
    asked_s = answered_s = 0.0
    slowest_s: list[float] = []
    run_id, thread_id = str(uuid4()), str(uuid4())
    async for event in runtime.stream(Asked("How are they?", run_id, thread_id)):
        if event["kind"] == "tool" and event["event"] == "ended":
            slowest_s.append(event["seconds"])
        if event["kind"] == "model" and event["visit"] == 1 and event["event"] == "ended":
            asked_s = time.perf_counter()
        if event["kind"] == "model" and event["visit"] == 2 and event["event"] == "started":
            answered_s = time.perf_counter()
    assert len(slowest_s) == CALLS
    return answered_s - asked_s, max(slowest_s)
