"""However an enrichment ended, it is rerun to the same, with the turn that it studied."""

import json
from typing import Any

import pytest

from graph.memory import keeper
from graph.receipts import receipt
from graph.runtime import Runtime
from lab.faults import Hang, Raw, Status
from lab.minimax import Fault, MiniMaxDouble, Reply
from replay.recording import Recording
from tests.conftest import OpenRuntime
from tests.replay.alone import Alone
from tests.replay.conftest import recorded

ANALYST, OTHER = "MiniMax-M2.5", "MiniMax-M2.7"
QUESTION = "checkout-service is slow since half an hour. What is wrong?"
PATTERN = {
    "type": "pool exhaustion",
    "description": "Latency rises in every caller right after a deployment.",
    "components": ["pricing-service"],
    "evidence": ["E1"],
    "confidence": 0.8,
}
FINDINGS = json.dumps(
    {"insights": [{"title": "?"}], "patterns": [PATTERN, {**PATTERN, "evidence": ["E99"]}]}
)
NOTHING = '{"insights": [], "patterns": []}'
ENDINGS: dict[str, tuple[Fault, str, str]] = {
    "findings of which some are dropped": (
        Reply({"content": f"<think>hm</think>\n```json\n{FINDINGS}\n```"}),
        "stored",
        "",
    ),
    "nothing worth keeping": (Reply({"content": NOTHING}), "empty", ""),
    "words that are no findings": (Reply({"content": "Nothing to say."}), "failed", "JSON"),
    "brackets without end": (Reply({"content": "[" * 50_000}), "failed", "in: '[[["),
    "an answer that is cut": (Reply({"content": NOTHING[:-1]}, "length"), "failed", "cut"),
    "a provider that fails": (Status(500, "internal error"), "failed", "provider (1 attempt)"),
    "no JSON from the provider": (Raw("<html>"), "failed", "connection (1 attempt)"),
    "emptiness": (Reply({"content": ""}), "failed", "empty"),
    "a hang until the guard": (Hang(), "timeout", "ended by the guard of 1 s"),
}


def receipts(recording: Recording) -> list[dict[str, Any]]:
    """At the end of each part of the enrichment in which it was run."""
    parts = [part for part in recording.part("enrichment") if part.steps]
    return [list(part.states())[-1]["enrichment"] for part in parts]


@pytest.mark.parametrize("ending", ENDINGS)
async def test_an_enrichment_that_ends_with(
    ending: str, open_lab: OpenRuntime, provider: MiniMaxDouble, alone: Alone
) -> None:
    fault, status, reason = ENDINGS[ending]
    provider.always(ANALYST, fault)
    async with open_lab(model_attempts=1, enrichment_timeout_s=1) as runtime:
        state = await runtime.investigate(QUESTION)
        recording = await recorded(runtime, state["turn"]["id"])
    [kept] = receipts(recording)
    assert kept["status"] == status
    assert reason in (kept["reason"] or "")
    await alone.shows_the_same(recording)


async def test_an_analyst_that_is_slower_than_a_model_may_be(
    open_lab: OpenRuntime, provider: MiniMaxDouble, alone: Alone
) -> None:
    provider.always(ANALYST, Hang())
    async with open_lab(model_attempts=2, model_timeout_s=2.5) as runtime:
        state = await runtime.investigate(QUESTION)
        recording = await recorded(runtime, state["turn"]["id"])
    [kept] = receipts(recording)
    assert (kept["status"], "timeout (2 attempts)" in kept["reason"]) == ("timeout", True)
    [call] = [entry for _, entry in recording.exchanges() if entry["name"] == "analyst"]
    assert [attempt["kind"] for attempt in call["measured"]["attempts"]] == ["timeout"] * 2
    await alone.shows_the_same(recording)


async def test_an_enrichment_whose_writing_to_memory_breaks(runtime: Runtime, alone: Alone) -> None:
    first = await runtime.investigate(QUESTION)
    await runtime.enrichment(first["turn"]["id"])
    for item in await runtime.memory.items():
        kept = {name: value for name, value in item.items() if name not in ("id", "kind")}
        broken = {**kept, "turns": None}
        await runtime.storage.store.aput((item["kind"],), item["id"], broken)
    state = await runtime.investigate(QUESTION)
    recording = await recorded(runtime, state["turn"]["id"])
    [kept] = receipts(recording)
    assert (kept["status"], kept["reason"]) == (
        "failed",
        "TypeError: argument of type 'NoneType' is not iterable",
    )
    await alone.shows_the_same(recording)


async def test_an_enrichment_that_was_begun_again_while_memory_was_locked(
    runtime: Runtime,
    provider: MiniMaxDouble,
    alone: Alone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeper, "LOCK_WAIT_S", 0.1)
    async with runtime.storage.locks.held("memory", 1):
        state = await runtime.investigate(QUESTION)
        await provider.wait_for(ANALYST, 2)
    recording = await recorded(runtime, state["turn"]["id"])
    [kept] = receipts(recording)
    assert kept["status"] == "stored"
    assert kept["attempts"] > 1
    await alone.shows_the_same(recording)


async def test_an_enrichment_that_is_run_again_by_hand_also_by_another_model(
    open_lab: OpenRuntime, provider: MiniMaxDouble, alone: Alone
) -> None:
    provider.queue(ANALYST, Reply({"content": "no JSON at all"}))
    provider.always(OTHER, Hang())
    async with open_lab() as runtime:
        state = await runtime.investigate(QUESTION)
        turn_id = state["turn"]["id"]
        await runtime.enrichment(turn_id)
        await runtime.retry(turn_id, model=f"minimax/{OTHER}", timeout_s=0.5)
        await runtime.enrichment(turn_id)
        await runtime.retry(turn_id)
        recording = await recorded(runtime, turn_id)
    assert [part.of for part in recording.segments] == ["turn"] + ["enrichment"] * 3
    ended = [(kept["status"], kept["model"], kept["attempts"]) for kept in receipts(recording)]
    assert ended == [
        ("failed", f"minimax/{ANALYST}", 1),
        ("timeout", f"minimax/{OTHER}", 2),
        ("stored", f"minimax/{ANALYST}", 3),
    ]
    await alone.shows_the_same(recording)


async def test_one_that_is_given_up_after_three_starts(
    runtime: Runtime, provider: MiniMaxDouble, alone: Alone
) -> None:
    provider.queue(ANALYST, Reply({"content": "no JSON at all"}))
    state = await runtime.investigate(QUESTION)
    turn_id = state["turn"]["id"]
    ended = await runtime.enrichment(turn_id)
    assert ended is not None
    place: Any = {"configurable": {"thread_id": ended["thread_id"]}}
    await runtime.graph.aupdate_state(place, {"retry": None}, "respond")
    old = receipt(state["turn"], "pending", attempts=3)
    await runtime.receipts.put({**old, "first_started_at": "2026-01-01T00:00:00+00:00"})
    recording = await recorded(runtime, turn_id)
    assert receipts(recording)[-1]["reason"] == "given up after 3 starts that did not end"
    await alone.shows_the_same(recording)


async def test_turns_of_which_a_later_one_covers_the_earlier(
    open_lab: OpenRuntime, provider: MiniMaxDouble, alone: Alone
) -> None:
    provider.queue(ANALYST, Hang())
    async with open_lab(enrichment_concurrency=1, enrichment_timeout_s=6) as runtime:
        await runtime.investigate(QUESTION, thread_id="other")
        await provider.wait_for(ANALYST, 1)
        turns = [await runtime.investigate(QUESTION, thread_id="t") for _ in range(2)]
        covered, covering = [await recorded(runtime, state["turn"]["id"]) for state in turns]
    [waits] = covered.part("enrichment")
    assert (list(waits.following), waits.steps) == (["enrich"], [])
    [studied] = covering.part("enrichment")
    assert studied.start["covers"] == [covered.run_id]
    assert receipts(covering)[0]["status"] == "stored"
    await alone.shows_the_same(covered)
    await alone.shows_the_same(covering)


async def test_a_turn_that_the_backlog_does_not_take_and_that_is_studied_later(
    open_lab: OpenRuntime, provider: MiniMaxDouble, alone: Alone
) -> None:
    provider.queue(ANALYST, Hang())
    async with open_lab(enrichment_backlog=1, enrichment_timeout_s=6) as runtime:
        await runtime.investigate(QUESTION)
        await provider.wait_for(ANALYST, 1)
        state = await runtime.investigate(QUESTION)
        turn_id = state["turn"]["id"]
        skipped = await recorded(runtime, turn_id)
        await runtime.retry(turn_id)
        later = await recorded(runtime, turn_id)
    assert state["enrichment"] is not None
    assert state["enrichment"]["status"] == "skipped"
    await alone.shows_the_same(skipped)
    assert receipts(later)[-1]["status"] == "stored"
    await alone.shows_the_same(later)


async def test_a_turn_without_enrichment(open_lab: OpenRuntime, alone: Alone) -> None:
    async with open_lab(enrichment=False) as runtime:
        state = await runtime.investigate(QUESTION)
        recording = await recorded(runtime, state["turn"]["id"])
    [turn] = recording.segments
    kept = list(turn.states())[-1]["enrichment"]
    assert (kept["status"], kept["reason"]) == ("skipped", "switched off by ENRICHMENT")
    await alone.shows_the_same(recording)
