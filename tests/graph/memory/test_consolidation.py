"""Consolidation: the same finding confirms, another one is added, and nothing is doubled."""

import asyncio

import pytest

from graph.findings import Findings
from graph.memory import Memory
from graph.memory.item import TURNS_KEPT
from tests.conftest import OpenRuntime
from tests.graph.memory.found import baseline, insight, learn, pattern, recalled, stored, turn


@pytest.mark.parametrize(
    "again",
    [
        insight(),
        insight(title="  client POOL   too small "),
        insight(components=["Pricing-Service"]),
        insight(finding="The same thing said with other words.", severity="low", evidence=["E9"]),
        insight(title="Pool exhausted", finding="Callers wait for one of the 5 pool connections."),
    ],
    ids=["equal", "title", "components", "finding", "both"],
)
async def test_the_same_finding_of_another_turn_confirms_the_one_that_is_there(
    memory: Memory, again: Findings
) -> None:
    await learn(memory, insight(), turn("t1", minute=1))
    assert await learn(memory, again, turn("t2", minute=9)) == 1
    [item] = await memory.items()
    assert (item["occurrences"], item["confirmed"]) == (2, 1)
    assert item["turns"] == ["t1", "t2"]
    assert item["first_confirmed"] == "2026-11-24T10:01:00.000Z"
    assert item["last_confirmed"] == "2026-11-24T10:09:00.000Z"


async def test_the_order_of_the_components_makes_no_difference(memory: Memory) -> None:
    await learn(memory, pattern(components=["a", "b"]), turn("t1"))
    await learn(memory, pattern(components=["b", "a"]), turn("t2"))
    assert [item["occurrences"] for item in await memory.items()] == [2]


@pytest.mark.parametrize(
    "other",
    [
        insight(title="Carts expire too soon", finding="A cart is dropped after 5 minutes."),
        insight(components=["cart-service"]),
        pattern(),
        baseline(),
    ],
    ids=["text", "components", "kind", "baseline"],
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


async def test_no_more_items_are_listed_than_asked_for(memory: Memory) -> None:
    await learn(memory, insight(), turn("t1"))
    await learn(memory, pattern(), turn("t2"))
    assert len(await memory.items(limit=1)) == 1


async def test_a_contradiction_is_linked_and_lowers_what_it_contradicts(memory: Memory) -> None:
    await learn(memory, insight(), turn("t1"))
    denied = insight(
        title="Client pool is no longer too small",
        finding="Calls do no longer wait for one of the connections of the pool: 50 are enough.",
    )
    assert await learn(memory, denied, turn("t2", minute=9)) == 2
    items = {item["title"]: item for item in await memory.items()}
    old, new = items["Client pool too small"], items["Client pool is no longer too small"]
    assert old["contradicts"] == [new["id"]]
    assert new["contradicts"] == [old["id"]]
    assert old["confidence"] < new["confidence"]


async def test_a_baseline_takes_the_newer_value(memory: Memory) -> None:
    await learn(memory, baseline(), turn("t1"))
    await learn(memory, baseline(typical=52.0), turn("t2", minute=9))
    [item] = await memory.items()
    assert (item["typical"], item["occurrences"]) == (52.0, 2)
    assert item["provenance"]["turn_id"] == "t2"


async def test_what_was_resolved_is_open_again_when_it_is_found_again(memory: Memory) -> None:
    await learn(memory, insight(), turn("t1"))
    [item] = await memory.items()
    await memory.mark(item["id"], "resolved", "ada")
    await learn(memory, insight(), turn("t2", minute=9))
    [item] = await memory.items()
    assert item["status"] == "open"
    assert [mark["by"] for mark in item["marks"]] == ["ada", "found again"]


async def test_what_was_retired_stays_retired_when_it_is_found_again(memory: Memory) -> None:
    await learn(memory, insight(), turn("t1"))
    [item] = await memory.items()
    await memory.mark(item["id"], "retired", "ada")
    await learn(memory, insight(), turn("t2", minute=9))
    assert [item["status"] for item in await memory.items()] == ["retired"]
    assert await recalled(memory, "is pricing-service slow?") == []


async def test_the_same_enrichment_delivered_five_times_at_once_changes_memory_once(
    memory: Memory,
) -> None:
    both = Findings(insights=insight().insights, patterns=pattern().patterns)
    changed = await asyncio.gather(*(learn(memory, both, turn("t1")) for _ in range(5)))
    assert sorted(changed) == [0, 0, 0, 0, 2]
    once = await memory.items()
    assert [item["occurrences"] for item in once] == [1, 1]
    assert await learn(memory, both, turn("t1")) == 0
    assert await memory.items() == once
