"""Receipts can be listed, and an enrichment that has ended is run again by hand."""

import pytest

from graph.errors import EnrichmentRefused, StateUnavailable
from graph.receipts import receipt
from graph.runtime import Runtime, open_runtime
from lab.faults import Hang
from lab.minimax import MiniMaxDouble, Reply
from tests.conftest import MakeSettings, OpenRuntime

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)

ANALYST = "MiniMax-M2.5"
OTHER = "MiniMax-M2.7"
QUESTION = "checkout-service is slow since half an hour. What is wrong?"


async def failed_turn(runtime: Runtime, provider: MiniMaxDouble) -> str:
    provider.queue(ANALYST, Reply({"content": "no JSON at all"}))
    turn_id = (await runtime.investigate(QUESTION))["turn"]["id"]
    ended = await runtime.enrichment(turn_id)
    assert ended is not None
    assert (ended["status"], ended["attempts"]) == ("failed", 1)
    return turn_id


async def test_a_failed_one_is_run_again_and_its_attempts_are_counted(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    turn_id = await failed_turn(runtime, provider)
    assert (await runtime.retry(turn_id))["status"] == "pending"
    again = await runtime.enrichment(turn_id)
    assert again is not None
    assert (again["status"], again["attempts"], again["reason"]) == ("stored", 2, None)
    await runtime.retry(turn_id)
    third = await runtime.enrichment(turn_id)
    assert third is not None
    assert (third["status"], third["attempts"]) == ("stored", 3)
    assert [item["occurrences"] for item in await runtime.memory.items()] == [1, 1]


async def test_another_model_and_another_timeout_hold_for_that_run_alone(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    turn_id = await failed_turn(runtime, provider)
    provider.always(OTHER, Hang())
    await runtime.retry(turn_id, model=f"minimax/{OTHER}", timeout_s=0.5)
    ended = await runtime.enrichment(turn_id)
    assert ended is not None
    assert (ended["status"], ended["model"]) == ("timeout", f"minimax/{OTHER}")
    assert ended["reason"] == "ended by the guard of 0.5 s"
    assert len(provider.of(OTHER)) == 1
    await runtime.retry(turn_id)
    last = await runtime.enrichment(turn_id)
    assert last is not None
    assert (last["status"], last["model"]) == ("stored", f"minimax/{ANALYST}")


async def test_one_that_the_backlog_did_not_take_can_be_run_later(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.queue(ANALYST, Hang())
    async with open_lab(enrichment_backlog=1, enrichment_timeout_s=1) as runtime:
        first = (await runtime.investigate(QUESTION))["turn"]["id"]
        second = (await runtime.investigate(QUESTION))["turn"]["id"]
        skipped = await runtime.enrichment(second)
        assert skipped is not None
        assert (skipped["status"], skipped["attempts"]) == ("skipped", 0)
        await runtime.enrichment(first)
        await runtime.retry(second)
        ended = await runtime.enrichment(second)
        assert ended is not None
        assert (ended["status"], ended["attempts"]) == ("stored", 1)


async def test_what_cannot_be_run_again_is_refused_with_the_reason(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    async with open_lab(enrichment_timeout_s=2) as runtime:
        turn_id = await failed_turn(runtime, provider)
        for options, words in (
            ({"model": "minimax/nope"}, "unknown model id 'minimax/nope'"),
            ({"timeout_s": 0.0}, "timeout_s=0: give more than 0 and at most 600"),
            ({"timeout_s": 601.0}, "timeout_s=601: give more than 0 and at most 600"),
        ):
            with pytest.raises(EnrichmentRefused, match=words):
                await runtime.retry(turn_id, **options)
        with pytest.raises(EnrichmentRefused, match="no enrichment of turn nobody is known"):
            await runtime.retry("nobody")
        provider.queue(ANALYST, Hang())
        await runtime.retry(turn_id)
        with pytest.raises(EnrichmentRefused, match="waits or runs"):
            await runtime.retry(turn_id)


async def test_receipts_are_listed_by_status_and_by_the_time_of_the_question(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    failed = await failed_turn(runtime, provider)
    state = await runtime.investigate(QUESTION)
    stored = state["turn"]["id"]
    await runtime.enrichment(stored)
    listed = {entry["turn_id"]: entry["status"] for entry in await runtime.enrichments()}
    assert listed == {failed: "failed", stored: "stored"}
    [only] = await runtime.enrichments(status="failed")
    assert only["turn_id"] == failed
    [later] = await runtime.enrichments(since=state["turn"]["asked_at"])
    assert later["turn_id"] == stored
    assert later["of_thread"] == state["turn"]["thread_id"]
    assert later["cost_usd"] is not None
    assert await runtime.enrichments(since="2999") == []


async def test_one_that_ends_its_process_each_time_is_given_up(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    turn_id = await failed_turn(runtime, provider)
    state = await runtime.graph.aget_state(
        {"configurable": {"thread_id": (await runtime.enrichments())[0]["thread_id"]}}
    )
    await runtime.graph.aupdate_state(state.config, {"retry": None}, "respond")
    old = receipt(state.values["turn"], "pending", attempts=3)
    await runtime.receipts.put({**old, "first_started_at": "2026-01-01T00:00:00+00:00"})
    asked = len(provider.of(ANALYST))
    ended = await runtime.enrichment(turn_id)
    assert ended is not None
    assert ended["status"] == "failed"
    assert ended["reason"] == "given up after 3 starts that did not end"
    assert len(provider.of(ANALYST)) == asked


async def test_a_process_that_looks_on_hands_work_to_the_one_that_works(
    lab_settings: MakeSettings, provider: MiniMaxDouble
) -> None:
    async with open_runtime(lab_settings()) as working:
        turn_id = await failed_turn(working, provider)
        async with open_runtime(lab_settings(), works=False) as looking_on:
            with pytest.raises(StateUnavailable, match="opened to look on"):
                await looking_on.investigate(QUESTION)
            assert [entry["turn_id"] for entry in await looking_on.enrichments()] == [turn_id]
            await looking_on.retry(turn_id)
        ended = await working.enrichment(turn_id)
    assert ended is not None
    assert ended["status"] == "stored"


async def test_a_turn_whose_hand_over_failed_left_nothing_to_run_again(
    open_lab: OpenRuntime,
) -> None:
    async with open_lab(enrichment=False) as runtime:
        turn = (await runtime.investigate(QUESTION))["turn"]
        reason = "hand-over: the disk is full"
        await runtime.receipts.put(receipt(turn, "failed", reason=reason, thread_id=None))
        with pytest.raises(EnrichmentRefused, match=rf"left nothing to study \({reason}\)"):
            await runtime.retry(turn["id"])
