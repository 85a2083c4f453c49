"""Runs whose process was killed in the middle are rerun to the same, once they were resumed."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.runnables import RunnableConfig

from graph.runtime import Runtime, open_runtime
from lab.datadog import DatadogDouble
from lab.estate import LabSettings
from lab.faults import Hang
from lab.minimax import MiniMaxDouble, calling
from replay.recording import Recording
from tests.conftest import MakeSettings, OpenRuntime
from tests.graph.detached.child import Child
from tests.replay.alone import Alone
from tests.replay.conftest import recorded

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)

ORCHESTRATOR, ANALYST = "MiniMax-M3", "MiniMax-M2.5"
LOOK = calling(("find_services", {"query": "cart"}))
LOOKS = calling(
    ("find_services", {"query": "cart"}),
    ("search_monitors", {"status": ["Alert"]}),
    ("get_component", {"name": "cart-service"}),
)
SOON_S = 30
LOOK_S = 0.05


async def started(settings: LabSettings) -> Child:
    child = Child(settings)
    assert await child.until("ready") == ("ready",)
    return child


@pytest.fixture
async def child(lab_settings: MakeSettings) -> Child:
    """A process that works on the state, to be killed."""
    return await started(lab_settings())


async def resumed(runtime: Runtime, run_id: str) -> Recording:
    await runtime.turns.round(0)
    async for _ in runtime.turns.follow(run_id):
        pass
    return await recorded(runtime, run_id)


async def answered(runtime: Runtime, count: int) -> None:
    """Wait until that many of the calls side by side are kept, and their step is not."""
    thread: RunnableConfig = {"configurable": {"thread_id": "t"}}
    async with asyncio.timeout(SOON_S):
        while True:
            kept = await runtime.storage.saver.aget_tuple(thread)
            writes = (kept.pending_writes or []) if kept else []
            if len({task for task, channel, _ in writes if channel == "messages"}) >= count:
                return
            await asyncio.sleep(LOOK_S)


async def test_a_turn_that_was_killed_while_the_model_thought(
    open_lab: OpenRuntime, provider: MiniMaxDouble, child: Child, alone: Alone
) -> None:
    provider.queue(ORCHESTRATOR, LOOK, Hang())
    run_id = str(uuid4())
    await child.tell("ask", run_id, "t")
    await provider.wait_for(ORCHESTRATOR, 2)
    await child.kill()
    async with open_lab() as runtime:
        recording = await resumed(runtime, run_id)
        run = await runtime.turns.known(run_id)
    assert (run["status"], run["attempts"]) == ("done", 2)
    [turn, enrichment] = recording.segments
    assert [step.name for step in turn.steps[:3]] == ["plan#1", "tool#1", "plan#2"]
    assert enrichment.steps
    await alone.shows_the_same(recording)


async def test_a_turn_that_was_killed_before_its_first_step(
    open_lab: OpenRuntime, provider: MiniMaxDouble, child: Child, alone: Alone
) -> None:
    provider.queue(ORCHESTRATOR, Hang())
    run_id = str(uuid4())
    await child.tell("ask", run_id, "t")
    await provider.wait_for(ORCHESTRATOR, 1)
    await child.kill()
    async with open_lab() as runtime:
        recording = await resumed(runtime, run_id)
    assert recording.run["status"] == "done"
    await alone.shows_the_same(recording)


async def test_an_enrichment_that_was_killed_while_the_analyst_thought(
    open_lab: OpenRuntime, provider: MiniMaxDouble, child: Child, alone: Alone
) -> None:
    provider.queue(ANALYST, Hang())
    run_id = str(uuid4())
    await child.tell("ask", run_id, "t")
    await provider.wait_for(ANALYST, 1)
    await child.kill()
    async with open_lab() as runtime:
        recording = await resumed(runtime, run_id)
    [_, enrichment] = recording.segments
    kept = list(enrichment.states())[-1]["enrichment"]
    assert (kept["status"], kept["attempts"]) == ("stored", 2)
    await alone.shows_the_same(recording)


async def test_a_turn_that_was_killed_with_some_of_its_calls_answered(
    lab_settings: MakeSettings,
    open_lab: OpenRuntime,
    provider: MiniMaxDouble,
    datadog_double: DatadogDouble,
    reach: dict[str, Any],
    alone: Alone,
) -> None:
    datadog_double.always(Hang())
    provider.queue(ORCHESTRATOR, LOOKS)
    child = await started(lab_settings(**reach, tool_timeout_s=60))
    run_id = str(uuid4())
    await child.tell("ask", run_id, "t")
    async with open_runtime(lab_settings(**reach), works=False) as looking_on:
        await answered(looking_on, 2)
    await child.kill()
    datadog_double.always(None)
    async with open_lab(**reach) as runtime:
        recording = await resumed(runtime, run_id)
    first = recording.segments[0].steps[1]
    assert list(first.visits) == ["tool#1.0", "tool#1.1", "tool#1.2"]
    calls = [(entry["index"], entry["status"]) for entry in first.exchanges]
    assert sorted(calls) == [(0, "ok"), (1, "ok"), (2, "ok")]
    await alone.shows_the_same(recording)
