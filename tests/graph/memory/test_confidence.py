"""Confidence: what live evidence says of a hint, and what time does to it."""

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from graph.memory import Item, Memory
from graph.memory.confidence import HALF_LIFE_DAYS, confidence, faded
from tests.graph.memory.found import insight, learn, pattern, turn

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stated", "confirmed", "refuted", "expected"),
    [(0.9, 0, 0, 0.9), (0.9, 0, 1, 0.45), (0.9, 4, 1, 0.725), (0.5, 8, 0, 0.9), (1.0, 0, 9, 0.1)],
)
def test_the_rule_counts_a_refutation_twice(
    stated: float, confirmed: int, refuted: int, expected: float
) -> None:
    assert confidence(stated, confirmed, refuted) == expected


def test_the_confidence_is_halved_in_each_half_life() -> None:
    at = NOW - timedelta(days=HALF_LIFE_DAYS)
    item = {"confidence": 0.8, "last_confirmed": at.isoformat(), "status": "open"}
    assert faded(cast(Item, item), NOW) == pytest.approx(0.4)
    assert faded(cast(Item, {**item, "status": "resolved"}), NOW) == pytest.approx(0.2)
    assert faded(cast(Item, {**item, "status": "retired"}), NOW) == 0.0


@pytest.mark.parametrize(
    ("verdict", "counted", "moves"),
    [("confirmed", "confirmed", 1), ("refuted", "refuted", -1), ("unused", "unused", 0)],
)
async def test_what_became_of_a_hint_moves_its_confidence_once_a_turn(
    memory: Memory, verdict: str, counted: str, moves: int
) -> None:
    await learn(memory, pattern(), turn("t1"))
    [before] = await memory.items()
    at = "2026-11-25T10:00:00.000Z"
    assert await memory.learn("t2", {before["id"]: verdict}, at) == 1
    assert await memory.learn("t2", {before["id"]: verdict}, at) == 0
    [after] = await memory.items()
    assert after[counted] == before[counted] + 1
    change = after["confidence"] - before["confidence"]
    assert (change > 0) - (change < 0) == moves
    assert (after["last_confirmed"] == at) == (verdict == "confirmed")


async def test_a_hint_that_is_confirmed_and_found_again_in_one_turn_is_confirmed_once(
    memory: Memory,
) -> None:
    await learn(memory, insight(), turn("t1"))
    [item] = await memory.items()
    await memory.learn("t2", {item["id"]: "confirmed"}, "2026-11-25T10:00:00.000Z")
    await learn(memory, insight(), turn("t2", day="2026-11-25"))
    [after] = await memory.items()
    assert (after["occurrences"], after["confirmed"]) == (2, 1)


async def test_a_hint_that_is_not_in_memory_any_more_changes_nothing(memory: Memory) -> None:
    assert await memory.learn("t2", {"gone": "confirmed"}, "2026-11-25T10:00:00.000Z") == 0
