"""The detached branch: it ends in a receipt, and nothing of it reaches the answer."""

import asyncio
import json

import pytest

from graph.errors import EnrichmentRefused, InvalidQuestion
from graph.memory import keeper
from graph.runtime import Runtime
from lab.faults import Hang, Raw, Status
from lab.minimax import MiniMaxDouble, Reply
from tests.conftest import OpenRuntime

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)

ORCHESTRATOR, ANALYST = "MiniMax-M3", "MiniMax-M2.5"
QUESTION = "checkout-service is slow since half an hour. What is wrong?"


async def test_a_finished_turn_is_stored_in_memory_once(runtime: Runtime) -> None:
    state = await runtime.investigate(QUESTION)
    receipt = await runtime.enrichment(state["turn"]["id"])
    assert receipt is not None
    assert (receipt["status"], receipt["insights"], receipt["patterns"]) == ("stored", 1, 1)
    assert [item["occurrences"] for item in await runtime.memory.items()] == [1, 1]


async def test_while_the_analyst_hangs_the_next_question_is_answered(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.always(ANALYST, Hang())
    async with open_lab(enrichment_timeout_s=1.5) as runtime:
        first = await runtime.investigate(QUESTION, thread_id="t")
        request = await provider.wait_for(ANALYST, 1)
        second = await runtime.investigate("Who owns cart-service?", thread_id="t")
        assert not request.closed_by_client.is_set()
        assert "cart-service is owned by checkout" in second["messages"][-1].text
        receipt = await runtime.enrichment(first["turn"]["id"])
        await request.closed_by_client.wait()
        assert receipt is not None
        assert receipt["status"] == "timeout"
        state = await runtime.state("t")
        asked = [message.text for message in state["messages"] if message.type == "human"]
        assert asked == [QUESTION, "Who owns cart-service?"]


async def test_garbage_from_the_analyst_is_a_failed_receipt_and_leaves_memory_alone(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.queue(ANALYST, Reply({"content": "I could not find anything to say."}))
    async with open_lab(model_attempts=1) as runtime:
        first = await runtime.investigate(QUESTION)
        receipt = await runtime.enrichment(first["turn"]["id"])
        assert receipt is not None
        assert receipt["status"] == "failed"
        provider.queue(ANALYST, Raw("<html>"))
        second = await runtime.investigate(QUESTION)
        receipt = await runtime.enrichment(second["turn"]["id"])
        assert receipt is not None
        assert receipt["status"] == "failed"
        assert await runtime.memory.items() == []


async def test_an_answer_cut_at_the_output_limit_is_not_trusted(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ANALYST, Reply({"content": '{"insights": [], "patterns": []'}, "length"))
    state = await runtime.investigate(QUESTION)
    receipt = await runtime.enrichment(state["turn"]["id"])
    assert receipt is not None
    assert (receipt["status"], receipt["reason"]) == (
        "failed",
        "the answer was cut at the output limit",
    )


async def test_findings_that_do_not_hold_are_dropped_and_counted_and_the_rest_is_stored(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    pattern = {
        "type": "pool exhaustion",
        "description": "Latency rises in every caller right after a deployment.",
        "components": ["pricing-service"],
        "evidence": ["E1"],
        "confidence": 0.8,
    }
    invented = {**pattern, "type": "dreams", "evidence": ["E99"]}
    findings = json.dumps({"insights": [{"title": "?"}], "patterns": [pattern, invented]})
    provider.queue(ANALYST, Reply({"content": f"<think>hm</think>\n```json\n{findings}\n```"}))
    state = await runtime.investigate(QUESTION)
    receipt = await runtime.enrichment(state["turn"]["id"])
    assert receipt is not None
    assert (receipt["status"], receipt["dropped"]) == ("stored", 2)
    assert [item["type"] for item in await runtime.memory.items()] == ["pool exhaustion"]


async def test_nothing_worth_keeping_is_an_empty_receipt_and_nothing_is_found_again(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    first = await runtime.investigate(QUESTION)
    await runtime.enrichment(first["turn"]["id"])
    before = {item["id"]: item["occurrences"] for item in await runtime.memory.items()}
    provider.queue(ANALYST, Reply({"content": '{"insights": [], "patterns": []}'}))
    second = await runtime.investigate(QUESTION)
    receipt = await runtime.enrichment(second["turn"]["id"])
    assert receipt is not None
    assert receipt["status"] == "empty"
    assert before
    items = await runtime.memory.items()
    assert {item["id"]: item["occurrences"] for item in items} == before


async def test_the_same_incident_again_confirms_what_memory_holds_and_is_shown_as_a_hint(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    for _ in range(2):
        state = await runtime.investigate("checkout-service is slow. Is it pricing-service?")
        await runtime.enrichment(state["turn"]["id"])
    assert [item["occurrences"] for item in await runtime.memory.items()] == [2, 2]
    assert len(state["recalled"]) == 2
    prompt = provider.of("MiniMax-M3")[-1].body["messages"][0]["content"]
    assert "[MiniMax] pricing-service" in prompt


async def test_enrichments_beyond_the_backlog_are_skipped_with_the_reason(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.always(ANALYST, Hang())
    async with open_lab(enrichment_backlog=1, enrichment_timeout_s=3) as runtime:
        await runtime.investigate(QUESTION)
        second = await runtime.investigate(QUESTION)
        receipt = await runtime.enrichment(second["turn"]["id"])
    assert receipt is not None
    assert receipt["status"] == "skipped"
    assert receipt["reason"] == "backlog of 1 is full (ENRICHMENT_BACKLOG)"
    assert second["report"] is not None


async def test_the_backlog_holds_when_many_turns_end_at_once(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.always(ANALYST, Hang())
    async with open_lab(enrichment_backlog=2, enrichment_timeout_s=3) as runtime:
        states = await asyncio.gather(*(runtime.investigate(QUESTION) for _ in range(8)))
    handed = [state["enrichment"]["status"] for state in states if state["enrichment"]]
    assert sorted(handed) == ["pending"] * 2 + ["skipped"] * 6


async def test_a_question_on_the_thread_of_an_enrichment_is_refused(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.always(ANALYST, Hang())
    async with open_lab(enrichment_timeout_s=0.5) as runtime:
        state = await runtime.investigate(QUESTION)
        assert state["enrichment"] is not None
        with pytest.raises(InvalidQuestion, match="holds an enrichment"):
            await runtime.investigate(QUESTION, thread_id=state["enrichment"]["thread_id"])
        receipt = await runtime.enrichment(state["turn"]["id"])
        assert receipt is not None
        with pytest.raises(InvalidQuestion, match="holds an enrichment"):
            await runtime.investigate(QUESTION, thread_id=receipt["thread_id"])


async def test_all_that_quotes_the_estate_stands_inside_the_fence_for_the_analyst(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    state = await runtime.investigate(QUESTION)
    await runtime.enrichment(state["turn"]["id"])
    study = provider.of(ANALYST)[0].body["messages"][-1]["content"]
    outside, _, fenced = study.partition(f"--- {state['turn']['boundary']} data")
    assert outside.strip() == f"Question: {QUESTION}"
    assert "Root cause" in fenced
    assert fenced.endswith(f"--- {state['turn']['boundary']} end")


async def test_switched_off_it_is_skipped_with_the_reason(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    async with open_lab(enrichment=False) as runtime:
        state = await runtime.investigate(QUESTION)
        listed = await runtime.enrichments(status="skipped")
        with pytest.raises(EnrichmentRefused, match=r"nothing to study \(switched off"):
            await runtime.retry(state["turn"]["id"])
    assert state["enrichment"] is not None
    assert state["enrichment"]["status"] == "skipped"
    assert state["enrichment"]["reason"] == "switched off by ENRICHMENT"
    assert listed == [state["enrichment"]]
    assert provider.of(ANALYST) == []


async def test_a_failed_investigation_is_skipped_with_the_reason(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.always(ORCHESTRATOR, Status(401, "invalid key"))
    state = await runtime.investigate(QUESTION)
    [listed] = await runtime.enrichments()
    assert listed == state["enrichment"]
    assert (listed["status"], listed["reason"]) == ("skipped", "the investigation failed")
    assert provider.of(ANALYST) == []


async def test_while_memory_is_locked_by_somebody_else_it_is_tried_again(
    runtime: Runtime, provider: MiniMaxDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LOCK_WAIT_S", 0.1)
    async with runtime.storage.locks.held("memory", 1):
        turn_id = (await runtime.investigate(QUESTION))["turn"]["id"]
        await provider.wait_for(ANALYST, 2)
    receipt = await runtime.enrichment(turn_id)
    assert receipt is not None
    assert receipt["status"] == "stored"
    assert [item["occurrences"] for item in await runtime.memory.items()] == [1, 1]


async def test_closing_waits_for_an_enrichment_that_still_runs(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.delay_s = 0.2
    async with open_lab() as runtime:
        state = await runtime.investigate(QUESTION)
    async with open_lab() as runtime:
        receipt = await runtime.enrichment(state["turn"]["id"])
    assert receipt is not None
    assert receipt["status"] == "stored"


async def test_a_turn_handed_over_again_is_not_studied_again(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    state = await runtime.investigate(QUESTION)
    receipt = await runtime.enrichment(state["turn"]["id"])
    assert await runtime.detached(state["turn"], {"messages": []}) == receipt
    assert len(provider.of(ANALYST)) == 1
