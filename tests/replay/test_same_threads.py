"""Turns on a thread are rerun to the same, each by itself and whatever came after it."""

from uuid import uuid4

import pytest

from graph.run import Asked
from graph.runtime import Runtime
from lab.faults import Hang
from lab.minimax import MiniMaxDouble, calling
from tests.replay.alone import Alone
from tests.replay.conftest import ended, recorded

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)

ORCHESTRATOR = "MiniMax-M3"
QUESTION = "checkout-service is slow since half an hour. What is wrong?"
ODD = "Und was heißt das für die Kasse? 🛒\u2028\r\n\t'\"\\"
LATER = "Is it pricing-service, and who owns it?"


async def test_the_first_the_second_and_the_third_turn_of_a_thread(
    runtime: Runtime, alone: Alone
) -> None:
    turns = []
    for question in (QUESTION, LATER, ODD):
        state = await runtime.investigate(question, thread_id="t")
        recording = await recorded(runtime, state["turn"]["id"])
        turns.append((state, recording))
    recalled = [len(state["recalled"]) for state, _ in turns]
    assert recalled == [0, 2, 0]
    for state, at_once in turns:
        recording = await recorded(runtime, state["turn"]["id"])
        assert recording == at_once
        [turn, enrichment] = recording.segments
        assert turn.steps[0].exchanges[0]["kind"] == "setup"
        assert enrichment.steps
        await alone.shows_the_same(recording)


async def test_a_turn_that_is_cancelled_while_the_model_thinks(
    runtime: Runtime, provider: MiniMaxDouble, alone: Alone
) -> None:
    provider.queue(ORCHESTRATOR, calling(("find_services", {"query": "cart"})), Hang())
    run, _ = await runtime.submit(Asked(QUESTION, str(uuid4()), "t"))
    await provider.wait_for(ORCHESTRATOR, 2)
    assert (await runtime.turns.cancel(run["run_id"]))["status"] == "cancelled"
    recording = await recorded(runtime, run["run_id"])
    [turn, said] = recording.segments
    assert [step.name for step in turn.steps] == ["plan#1", "tool#1"]
    assert list(turn.steps[-1].following) == ["plan"]
    assert not said.steps
    await alone.shows_the_same(recording)
    await runtime.investigate(QUESTION, thread_id="t")
    assert await recorded(runtime, run["run_id"]) == recording


async def test_a_turn_that_is_cancelled_before_its_first_step(
    runtime: Runtime, provider: MiniMaxDouble, alone: Alone
) -> None:
    provider.queue(ORCHESTRATOR, Hang())
    run, _ = await runtime.submit(Asked(QUESTION, str(uuid4()), "t"))
    await provider.wait_for(ORCHESTRATOR, 1)
    await runtime.turns.cancel(run["run_id"])
    recording = await recorded(runtime, run["run_id"])
    assert [len(part.steps) for part in recording.segments] == [0, 0]
    await alone.shows_the_same(recording)


@pytest.mark.parametrize("earlier", [False, True], ids=["first turn", "later turn"])
async def test_a_turn_that_is_given_up_after_three_starts(
    runtime: Runtime, alone: Alone, earlier: bool
) -> None:
    if earlier:
        await runtime.investigate(QUESTION, thread_id="t")
    run_id = str(uuid4())
    await runtime.runs.add(Asked(QUESTION, run_id, "t"))
    await runtime.runs.start(run_id, 3)
    await runtime.turns.round(0)
    async for _ in runtime.turns.follow(run_id):
        pass
    recording = await recorded(runtime, run_id)
    assert recording.run["status"] == "failed"
    [said] = recording.segments
    assert said.start["failure"]["kind"] == "broken"
    await alone.shows_the_same(recording)


async def test_a_turn_with_an_alert_a_focus_and_lower_budgets(
    runtime: Runtime, alone: Alone
) -> None:
    alert = {"title": "p99 above 2 s", "tags": ["service:checkout-service"], "value": 2.39}
    budgets = {"visits": 3, "cost_usd": 0.25}
    asked = Asked(QUESTION, str(uuid4()), "t", ["pricing-service"], alert, budgets)
    recording = await recorded(runtime, await ended(runtime, asked))
    [turn, _] = recording.segments
    begun = turn.steps[0].changes["turn"]["value"]
    assert (begun["alert"], begun["focus"]) == (alert, ["pricing-service"])
    assert begun["budgets"] == budgets
    assert list(turn.states())[-1]["spent"]["visits_over_budget"] >= 1
    await alone.shows_the_same(recording)
