"""The time of a whole turn that is recorded, against the same turn without a tape, in one run.

Nothing hides the cost: the model answers at once, and no enrichment runs beside. The state is in
SQLite files, as it is by default. The turns alternate, and so does which of the two comes first,
so that the machine's load falls on both alike. The ratio is that of the processor's time, which
waits for no other program; the time on the clock is printed beside it. Two kinds are measured:
investigations, with the work of the doubles of the sources in them, and turns of one call to the
model and none to a tool, where recording weighs most.
"""

import gc
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import uuid4

from bench.figure import Figure
from bench.unrecorded import unrecorded
from graph.run import Asked
from graph.runtime import Runtime, open_runtime
from lab import minimax
from lab.estate import Estate, open_estate
from lab.incident import load

INVESTIGATIONS = 20
SHORT_TURNS = 150
BAR = 1.1


@dataclass(frozen=True)
class Took:
    """The time of a turn."""

    work_s: float
    """Of the processor, in this process: the model's double and the database are in it."""
    clock_s: float


async def investigations() -> Figure:
    """The median of the ratios of the pairs, for an incident with all its calls."""
    question = load("bad-deploy").question
    async with _both() as (recorded, plain, _):
        return await _measured("an investigation", recorded, plain, question, INVESTIGATIONS)


async def short_turns() -> Figure:
    """The same for a turn of one call to the model."""
    async with _both() as (recorded, plain, estate):
        words = minimax.Reply({"content": "The team checkout owns cart-service."})
        estate.provider.always("MiniMax-M3", words)
        question = "Who owns cart-service?"
        return await _measured("a turn of one call", recorded, plain, question, SHORT_TURNS)


@asynccontextmanager
async def _both() -> AsyncIterator[tuple[Runtime, Runtime, Estate]]:
    """A runtime that records and one that does not, on the same estate."""
    with tempfile.TemporaryDirectory(prefix="netforge-bench-") as folder:
        on, off = Path(folder) / "on", Path(folder) / "off"
        async with open_estate(load("bad-deploy"), on, enrichment=False) as estate:
            chosen = estate.settings.model_copy(update={"state_dir": off})
            async with AsyncExitStack() as stack:
                with unrecorded():
                    plain = await stack.enter_async_context(open_runtime(chosen))
                recorded = await stack.enter_async_context(open_runtime(estate.settings))
                # A full collection takes as long as a turn, and may fall on one kind each time.
                gc.collect()
                gc.freeze()
                stack.callback(gc.unfreeze)
                yield recorded, plain, estate


async def _measured(
    what: str, recorded: Runtime, plain: Runtime, question: str, pairs: int
) -> Figure:
    with_it, without = [], []
    for number in range(pairs + 1):
        order = (recorded, plain) if number % 2 else (plain, recorded)
        took = {id(runtime): await _turn(runtime, question) for runtime in order}
        if number:
            with_it.append(took[id(recorded)])
            without.append(took[id(plain)])
    both = list(zip(with_it, without, strict=True))
    ratio = median(one.work_s / other.work_s for one, other in both)
    cost_ms = 1000 * median(one.work_s - other.work_s for one, other in both)
    detail = (
        f"{_middle_ms(with_it)} with the tape, {_middle_ms(without)} without; recording takes "
        f"{cost_ms:.2f} ms a turn; medians of {pairs} pairs"
    )
    return Figure(f"time of {what}, recorded / not", ratio, BAR, detail)


async def _turn(runtime: Runtime, question: str) -> Took:
    """From the question to the end of its answer."""
    run_id, thread_id = str(uuid4()), str(uuid4())
    began_s, started = time.process_time(), time.perf_counter()
    async for _ in runtime.stream(Asked(question, run_id, thread_id)):
        pass
    took = Took(time.process_time() - began_s, time.perf_counter() - started)
    state = await runtime.state(thread_id)
    assert state["failure"] is None, state["failure"]
    return took


def _middle_ms(turns: Sequence[Took]) -> str:
    work_ms = 1000 * median(turn.work_s for turn in turns)
    clock_ms = 1000 * median(turn.clock_s for turn in turns)
    return f"{work_ms:.1f} ms ({clock_ms:.1f} on the clock)"
