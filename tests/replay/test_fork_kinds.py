"""Whatever became of a run, and wherever it was asked, it is forked; a fork outlives a process."""

from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig

from graph.run import Asked
from graph.runtime import Runtime
from lab.faults import Hang
from lab.minimax import MiniMaxDouble, Reply, calling
from replay.forking.fork import fork, prepared
from replay.reading import read
from replay.recording import Recording
from replay.running.rerun import rerun
from tests.conftest import OpenRuntime
from tests.replay.conftest import ended, recorded
from tests.replay.forking import (
    NOTHING,
    ORCHESTRATOR,
    SLOW,
    at_its_end,
    forked,
    left_behind,
)

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)

FIND: tuple[str, dict[str, Any]] = ("find_services", {"query": "cart"})
LOOK: tuple[str, dict[str, Any]] = ("get_component", {"name": "cart-service"})
WELL = Reply({"content": "All is well [E1]."})
RUN_ID = "6f1a1b0e-0000-4000-8000-00000000000b"


async def as_it_stands(runtime: Runtime, run_id: str) -> Recording:
    """What is kept of a run that may not have ended."""
    run = await runtime.runs.get(run_id)
    assert run is not None
    return await read(runtime.graph, run)


async def test_a_cancelled_run_is_forked_at_the_step_that_it_never_finished(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, calling(FIND, LOOK), Hang())
    await runtime.submit(Asked(SLOW, RUN_ID, "t"))
    await provider.wait_for(ORCHESTRATOR, 2)
    await runtime.turns.cancel(RUN_ID)
    parent = await as_it_stands(runtime, RUN_ID)
    kept = await left_behind(runtime, parent)
    provider.queue(ORCHESTRATOR, WELL)
    fork = await forked(runtime, parent, "plan#2")
    assert (fork.run["status"], fork.names[-2:]) == ("done", ["respond#1", "enrich#1"])
    assert len(provider.of(ORCHESTRATOR)) == 3
    assert await left_behind(runtime, parent) == kept
    provider.queue(ORCHESTRATOR, WELL)
    assert (await forked(runtime, parent, "tool#1")).names[0] == "tool#1"


async def test_a_run_that_never_finished_its_first_step_is_forked_there(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, Hang())
    await runtime.submit(Asked(SLOW, RUN_ID, "t", focus=["cart-service"]))
    await provider.wait_for(ORCHESTRATOR, 1)
    parent = await as_it_stands(runtime, RUN_ID)
    provider.queue(ORCHESTRATOR, calling(FIND), WELL)
    fork = await forked(runtime, parent, "plan#1")
    assert (fork.run["status"], fork.run["focus"]) == ("done", ["cart-service"])
    assert (await runtime.turns.cancel(RUN_ID))["status"] == "cancelled"


async def test_a_run_that_failed_is_forked_where_it_failed(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    async with open_lab(model_attempts=1) as runtime:
        provider.queue(ORCHESTRATOR, calling(FIND))
        provider.queue(ORCHESTRATOR, Reply({"content": ""}), Reply({"content": ""}))
        parent = await recorded(runtime, await ended(runtime, Asked(SLOW, RUN_ID, "t")))
        assert parent.run["status"] == "failed"
        provider.queue(ORCHESTRATOR, WELL)
        assert (await forked(runtime, parent, "plan#2")).run["status"] == "done"
        again = await forked(runtime, parent, "respond#1")
        assert (again.run["status"], again.run["reason"]) == ("failed", parent.run["reason"])
        assert again.receipt["status"] == "skipped"


async def test_a_later_turn_is_forked_with_the_conversation_before_it(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, calling(FIND), WELL)
    first = await ended(runtime, Asked("Who is the cart?", RUN_ID, "t"))
    await runtime.enrichment(first)
    later = "6f1a1b0e-0000-4000-8000-00000000000c"
    provider.queue(ORCHESTRATOR, calling(LOOK), WELL)
    parent = await recorded(runtime, await ended(runtime, Asked(SLOW, later, "t")))
    for at, answers in (("plan#1", [calling(LOOK), WELL]), ("plan#2", [WELL])):
        provider.queue(ORCHESTRATOR, *answers)
        fork = await forked(runtime, parent, at)
        asked = [part["content"] for part in provider.of(ORCHESTRATOR)[-1].body["messages"]]
        assert "Who is the cart?" in asked
        assert SLOW in asked
        told = [entry["turn_id"] for entry in fork.state["evidence"]]
        assert told == [first, fork.run["run_id"]]
        assert fork.run["tool_calls"] == len(answers) - 1
        verdict, _ = await rerun(fork.recording)
        assert verdict.same, verdict


async def test_a_fork_takes_no_enrichment_over_that_waits_on_the_conversation_of_its_parent(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    async with open_lab(enrichment_per_minute=1) as runtime:
        other = await ended(runtime, Asked(SLOW, "6f1a1b0e-0000-4000-8000-00000000000d", "other"))
        await runtime.enrichment(other)
        provider.queue(ORCHESTRATOR, calling(FIND), WELL)
        waiting = await ended(runtime, Asked("Who is the cart?", RUN_ID, "t"))
        later = "6f1a1b0e-0000-4000-8000-00000000000e"
        asked = len(provider.of(ORCHESTRATOR))
        provider.queue(ORCHESTRATOR, calling(LOOK), Hang())
        await runtime.submit(Asked(SLOW, later, "t"))
        await provider.wait_for(ORCHESTRATOR, asked + 2)
        await runtime.turns.cancel(later)
        provider.queue(ORCHESTRATOR, WELL)
        begun = await fork(runtime, await as_it_stands(runtime, later), "plan#2", NOTHING)
        async for _ in runtime.turns.follow(begun["run_id"]):
            pass
        kept = await runtime.receipts.get(waiting)
        assert kept is not None
        assert (kept["status"], kept["superseded_by"]) == ("pending", None)
        # A further question on the fork's own conversation takes over what waits there alone.
        provider.queue(ORCHESTRATOR, calling(FIND), WELL)
        further = await ended(
            runtime, Asked(SLOW, "6f1a1b0e-0000-4000-8000-00000000000f", begun["thread_id"])
        )
        own = await runtime.receipts.get(begun["run_id"])
        assert own is not None
        assert own["superseded_by"] == further
        assert await runtime.receipts.get(waiting) == kept


async def test_a_run_of_langgraphs_own_server_is_forked(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    config: RunnableConfig = {
        "configurable": {"thread_id": "t"},
        "run_id": RUN_ID,  # type: ignore[typeddict-item]
        "metadata": {"run_id": RUN_ID},
    }
    provider.queue(ORCHESTRATOR, calling(FIND), WELL)
    await runtime.graph.ainvoke({"messages": [HumanMessage(SLOW, id="mine")]}, config)
    parent = await recorded(runtime, RUN_ID)
    assert parent.run["origin"] == "langgraph"
    assert [message["id"] for message in parent.segments[0].start["messages"]] == ["mine"]
    for at, answers in (("plan#1", [calling(FIND), WELL]), ("plan#2", [WELL])):
        provider.queue(ORCHESTRATOR, *answers)
        fork = await forked(runtime, parent, at)
        assert (fork.run["status"], fork.run["question"]) == ("done", SLOW)
        assert fork.state["messages"][0].id == f"{fork.run['run_id']}:question"
        verdict, _ = await rerun(fork.recording)
        assert verdict.same, verdict


async def test_an_enrichment_that_was_run_again_is_forked_with_another_model(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, calling(FIND), WELL)
    await runtime.enrichment(await ended(runtime, Asked(SLOW, RUN_ID, "t")))
    await runtime.retry(RUN_ID, model="minimax/MiniMax-M2")
    parent = await recorded(runtime, RUN_ID)
    fork = await forked(runtime, parent, "enrich#2")
    assert fork.receipt["model"] == "minimax/MiniMax-M2"
    assert fork.names == ["enrich#2"]


async def test_a_fork_whose_process_died_goes_on_from_its_checkpoint(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, calling(FIND), WELL)
    parent = await recorded(runtime, await ended(runtime, Asked(SLOW, RUN_ID, "t")))
    # As a process leaves it that died when it had begun the fork.
    ready = prepared(runtime.settings, parent, "plan#2", NOTHING)
    await ready.seed.put(runtime.graph, ready.asked, 50)
    await runtime.runs.add(ready.asked)
    await runtime.runs.start(ready.asked.run_id, 1)
    asked = len(provider.of(ORCHESTRATOR))
    provider.queue(ORCHESTRATOR, WELL)
    await runtime.turns.round(0)
    fork = await at_its_end(runtime, ready.asked.run_id)
    assert (fork.run["status"], fork.run["attempts"]) == ("done", 2)
    assert len(provider.of(ORCHESTRATOR)) == asked + 1
    assert [message.type for message in fork.state["messages"]] == ["human", "ai", "tool", "ai"]
    verdict, _ = await rerun(fork.recording)
    assert verdict.same, verdict


async def test_a_fork_that_is_broken_off_goes_on_in_the_next_process(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    async with open_lab() as runtime:
        provider.queue(ORCHESTRATOR, calling(FIND), WELL)
        parent = await recorded(runtime, await ended(runtime, Asked(SLOW, RUN_ID, "t")))
        provider.queue(ORCHESTRATOR, calling(LOOK), Hang())
        begun = await fork(runtime, parent, "plan#2", NOTHING)
        await provider.wait_for(ORCHESTRATOR, 4)
    provider.queue(ORCHESTRATOR, WELL)
    async with open_lab() as runtime:
        going_on = await at_its_end(runtime, begun["run_id"])
    assert (going_on.run["status"], going_on.run["attempts"]) == ("done", 2)
    names = ["plan#2", "tool#2", "plan#3", "respond#1", "enrich#1"]
    assert going_on.names == names
    assert len(provider.of(ORCHESTRATOR)) == 5


async def test_a_fork_that_is_cancelled_says_so_and_its_parent_stays(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, calling(FIND), WELL)
    parent = await recorded(runtime, await ended(runtime, Asked(SLOW, RUN_ID, "t")))
    kept = await left_behind(runtime, parent)
    provider.queue(ORCHESTRATOR, Hang())
    begun = await fork(runtime, parent, "plan#2", NOTHING)
    await provider.wait_for(ORCHESTRATOR, 3)
    assert (await runtime.turns.cancel(begun["run_id"]))["status"] == "cancelled"
    state = await runtime.state(begun["thread_id"])
    assert state["failure"] == {"kind": "cancelled", "message": "it was cancelled", "attempts": 0}
    assert await left_behind(runtime, parent) == kept
