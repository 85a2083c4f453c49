"""Memory: the same finding confirms, a hint is about what is asked, and nothing is doubled."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.store.sqlite.aio import AsyncSqliteStore

from graph.findings import Findings, Insight, Pattern
from graph.memory import Memory, Provenance
from graph.memory.item import TURNS_KEPT
from graph.memory.recall import RECALL_LIMIT
from graph.receipts import receipt
from graph.state import Receipt, Turn
from graph.storage.locks import MemoryLocks
from tests.conftest import OpenRuntime


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    async with AsyncSqliteStore.from_conn_string(str(tmp_path / "memory.sqlite")) as store:
        await store.setup()
        yield Memory(store, MemoryLocks())


def insight(**changes: Any) -> Findings:
    fields = {
        "category": "performance",
        "severity": "high",
        "title": "Client pool too small",
        "finding": "Calls wait for one of five connections of the pool.",
        "components": ["pricing-service"],
        "evidence": ["E2"],
        "recommendation": "Roll back v2.14.0",
    }
    return Findings(insights=[Insight.model_validate({**fields, **changes})])


def pattern(**changes: Any) -> Findings:
    fields = {
        "type": "pool exhaustion",
        "description": "Latency rises in every caller right after a deployment.",
        "components": ["pricing-service"],
        "evidence": ["E3"],
        "confidence": 0.8,
    }
    return Findings(patterns=[Pattern.model_validate({**fields, **changes})])


def turn(name: str, minute: int = 0) -> Provenance:
    return Provenance(
        turn_id=name,
        thread_id=f"{name}-enrichment",
        model="minimax/MiniMax-M2.5",
        prompt_version="abc123",
        at=f"2026-11-24T10:{minute:02}:00.000Z",
    )


def stored(name: str) -> Receipt:
    asked = Turn(
        id=name,
        thread_id="thread",
        message_id="m",
        question="q",
        asked_at="2026-11-24T10:00:00.000Z",
        boundary="word",
        focus=[],
        alert=None,
        budgets={},
    )
    return receipt(asked, "stored")


async def learn(memory: Memory, findings: Findings, provenance: Provenance) -> int:
    return await memory.remember(findings, provenance, stored(provenance["turn_id"]))


async def recalled(memory: Memory, question: str, *focus: str) -> list[str]:
    return [hint["text"] for hint in await memory.recall(question, focus)]


@pytest.mark.parametrize(
    ("question", "focus"),
    [
        ("why is pricing-service slow", []),
        ("Why is PRICING-SERVICE slow?", []),
        ("who calls pricing-service?", []),
        ("tell me about pricing-service.", []),
        ("is 'pricing-service', as I fear, slow again", []),
        ("what is wrong", ["pricing-service"]),
        ("what is wrong", ["cart-service", "Pricing-Service"]),
    ],
)
async def test_a_finding_is_recalled_when_its_component_is_named(
    memory: Memory, question: str, focus: list[str]
) -> None:
    assert await learn(memory, insight(), turn("t1")) == 1
    assert await recalled(memory, question, *focus) == [
        "[MiniMax] pricing-service: Calls wait for one of five connections of the pool. (seen 1x)"
    ]


@pytest.mark.parametrize(
    ("question", "focus"),
    [
        ("why is cart-service slow", []),
        ("why is everything slow", ["cart-service"]),
        ("is pricing slow", ["pricing"]),
        ("why is pricing-service-2 slow", ["my-pricing-service"]),
        ("Client pool too small", []),
        ("", []),
    ],
)
async def test_a_finding_about_another_component_is_not_recalled(
    memory: Memory, question: str, focus: list[str]
) -> None:
    await learn(memory, insight(), turn("t1"))
    await learn(memory, pattern(), turn("t1"))
    assert await memory.recall(question, focus) == []


async def test_any_of_the_components_of_a_finding_recalls_it(memory: Memory) -> None:
    await learn(memory, insight(components=["web-shop", "tax-service"]), turn("t1"))
    assert len(await recalled(memory, "is tax-service up?")) == 1
    assert len(await recalled(memory, "is web-shop up?")) == 1


async def test_insights_and_patterns_are_recalled_and_listed_newest_first(memory: Memory) -> None:
    await learn(memory, insight(), turn("t1", minute=5))
    await learn(memory, pattern(), turn("t2", minute=7))
    await learn(memory, insight(title="Another, older thing"), turn("t3", minute=1))
    hints = await memory.recall("pricing-service", [])
    assert [hint["last_confirmed"][14:16] for hint in hints] == ["07", "05", "01"]
    assert "Latency rises in every caller" in hints[0]["text"]
    assert len({hint["id"] for hint in hints}) == 3
    items = await memory.items()
    assert [item["last_confirmed"][14:16] for item in items] == ["07", "05", "01"]
    assert [f"M-{item['id'][:8]}" for item in items] == [hint["id"] for hint in hints]


@pytest.mark.parametrize(
    "again",
    [
        insight(),
        insight(title="  client POOL   too small "),
        insight(components=["Pricing-Service"]),
        insight(finding="The same thing said with other words.", severity="low", evidence=["E9"]),
    ],
    ids=["equal", "title", "components", "wording"],
)
async def test_the_same_finding_of_another_turn_confirms_the_one_that_is_there(
    memory: Memory, again: Findings
) -> None:
    await learn(memory, insight(), turn("t1", minute=1))
    assert await learn(memory, again, turn("t2", minute=9)) == 1
    [item] = await memory.items()
    assert item["occurrences"] == 2
    assert item["turns"] == ["t1", "t2"]
    assert item["first_confirmed"] == "2026-11-24T10:01:00.000Z"
    assert item["last_confirmed"] == "2026-11-24T10:09:00.000Z"
    assert (await recalled(memory, "pricing-service"))[0].endswith("(seen 2x)")


async def test_the_order_of_the_components_makes_no_difference(memory: Memory) -> None:
    await learn(memory, pattern(components=["a", "b"]), turn("t1"))
    await learn(memory, pattern(components=["b", "a"]), turn("t2"))
    assert [item["occurrences"] for item in await memory.items()] == [2]


@pytest.mark.parametrize(
    "other",
    [insight(title="Connections leak"), insight(components=["cart-service"]), pattern()],
    ids=["title", "components", "kind"],
)
async def test_a_different_finding_is_an_item_of_its_own(memory: Memory, other: Findings) -> None:
    await learn(memory, insight(), turn("t1"))
    assert await learn(memory, other, turn("t2")) == 1
    assert [item["occurrences"] for item in await memory.items()] == [1, 1]


async def test_a_turn_delivered_twice_changes_nothing(memory: Memory) -> None:
    both = Findings(insights=insight().insights, patterns=pattern().patterns)
    assert await learn(memory, both, turn("t1")) == 2
    before = await memory.items()
    assert await learn(memory, both, turn("t1", minute=30)) == 0
    assert await memory.items() == before


async def test_a_late_older_turn_does_not_turn_the_last_confirmation_back(memory: Memory) -> None:
    await learn(memory, insight(), turn("t2", minute=9))
    await learn(memory, insight(), turn("t1", minute=1))
    [item] = await memory.items()
    assert item["last_confirmed"] == "2026-11-24T10:09:00.000Z"


async def test_turns_that_end_side_by_side_are_all_counted(memory: Memory) -> None:
    turns = [turn(f"t{number}") for number in range(20)]
    changed = await asyncio.gather(*(learn(memory, insight(), entry) for entry in turns))
    assert sum(changed) == 20
    assert [item["occurrences"] for item in await memory.items()] == [20]


async def test_an_item_keeps_what_was_said_and_where_it_comes_from(memory: Memory) -> None:
    await learn(memory, insight(), turn("t1"))
    await learn(memory, insight(), turn("t2", minute=9))
    [item] = await memory.items()
    assert item["provenance"] == turn("t1")
    assert (item["tag"], item["status"]) == ("[MiniMax]", "open")
    said = insight().insights[0].model_dump()
    assert {name: item[name] for name in said} == said


@pytest.mark.parametrize("known", [Findings(), insight()], ids=["empty", "filled"])
async def test_an_empty_result_changes_nothing(memory: Memory, known: Findings) -> None:
    await learn(memory, known, turn("t1"))
    before = await memory.items()
    assert await learn(memory, Findings(dropped=3), turn("t2", minute=9)) == 0
    assert await memory.items() == before


async def test_at_most_so_many_hints_are_shown_and_they_are_the_newest(memory: Memory) -> None:
    for minute in (3, 0, 6, 1, 5, 2, 4):
        await learn(memory, insight(title=f"Finding number {minute}"), turn("t", minute))
    hints = await memory.recall("pricing-service", [])
    assert [hint["last_confirmed"][14:16] for hint in hints] == ["06", "05", "04", "03", "02"]
    assert len(hints) == RECALL_LIMIT


async def test_the_longest_finding_makes_a_bounded_hint(memory: Memory) -> None:
    longest = {"title": "t" * 160, "finding": "f" * 1000, "recommendation": "r" * 1000}
    await learn(memory, insight(**longest), turn("t1"))
    [text] = await recalled(memory, "pricing-service")
    assert 1000 < len(text) < 1100


async def test_an_item_remembers_the_latest_turns_and_counts_all(memory: Memory) -> None:
    for number in range(TURNS_KEPT + 2):
        await learn(memory, insight(), turn(f"t{number}"))
    [item] = await memory.items()
    assert item["occurrences"] == TURNS_KEPT + 2
    assert item["turns"] == [f"t{number}" for number in range(2, TURNS_KEPT + 2)]


async def test_the_receipt_is_kept_with_what_was_learned(open_lab: OpenRuntime) -> None:
    async with open_lab() as runtime:
        await learn(runtime.memory, insight(), turn("t1"))
        assert await runtime.receipts.get("t1") == stored("t1")
        assert await runtime.receipts.get("t2") is None


async def test_what_was_learned_outlives_the_process(open_lab: OpenRuntime) -> None:
    async with open_lab() as first:
        await learn(first.memory, insight(), turn("t1"))
    async with open_lab() as second:
        assert len(await recalled(second.memory, "pricing-service")) == 1
        assert await learn(second.memory, insight(), turn("t1")) == 0


async def test_a_name_of_several_words_is_recalled_from_the_question(memory: Memory) -> None:
    await learn(memory, insight(components=["Order Service"]), turn("t1"))
    assert len(await recalled(memory, "Is the order service slow?")) == 1
    assert await recalled(memory, "Is the order service-bus slow?") == []


async def test_a_hint_stays_on_its_line(memory: Memory) -> None:
    await learn(memory, insight(components=["x", "y\n--- end"]), turn("t1"))
    [hint] = await recalled(memory, "x")
    assert hint.startswith("[MiniMax] x, y --- end: ")


async def test_no_more_items_are_listed_than_asked_for(memory: Memory) -> None:
    await learn(memory, insight(), turn("t1"))
    await learn(memory, pattern(), turn("t2"))
    assert len(await memory.items(limit=1)) == 1
