"""A component with very many items: its best are recalled, and the same is still found again."""

from datetime import UTC, datetime, timedelta
from typing import Any

from langgraph.store.sqlite.aio import AsyncSqliteStore

from graph.memory import Item, Memory
from graph.memory.item import whole
from graph.memory.shelf import HEAD_LIMIT, LIST_LIMIT, Place
from graph.memory.writing import SEEN_LIMIT
from graph.storage.locks import MemoryLocks
from tests.graph.memory.found import insight, learn, turn

NAME = "pricing-service"
QUESTION = f"why is {NAME} slow"


def at(days_ago: float) -> str:
    return f"{datetime.now(UTC) - timedelta(days=days_ago):%Y-%m-%dT%H:%M:%S.000Z}"


def made(number: int, days_ago: float, confidence: float, **changes: Any) -> tuple[Place, Item]:
    finding = "A volume of the store grew until writes were refused."
    [said] = insight(title=f"Case {number} of many", finding=finding).insights
    when = at(days_ago)
    known = {
        **said.model_dump(),
        "provenance": dict(turn(f"turn-{number}")),
        "first_confirmed": when,
        "last_confirmed": when,
        "turns": [f"turn-{number}"],
        "confidence": confidence,
        **changes,
    }
    return ("insights", f"{number:08x}"), whole(known)


async def filled(memory: Memory, count: int, confidence: float = 0.5) -> None:
    """So many items of today, after those of before."""
    await memory.put_back(dict(made(number, 0, confidence) for number in range(100, 100 + count)))


async def best(memory: Memory) -> str:
    return (await memory.recall(QUESTION, []))[0]["id"]


async def test_the_surest_are_recalled_however_many_came_after_them(memory: Memory) -> None:
    await memory.put_back(dict([made(1, 10, 0.95), made(2, 5, 0.85)]))
    await filled(memory, LIST_LIMIT + 10)
    await filled(memory, 1)
    assert await best(memory) == "M-00000001"
    await memory.mark("00000001", "retired", "test")
    assert await best(memory) == "M-00000002"


async def test_when_the_best_are_retired_the_next_ones_are_recalled(memory: Memory) -> None:
    await memory.put_back(dict([made(1, 0, 0.6)]))
    await filled(memory, HEAD_LIMIT, confidence=0.9)
    assert await best(memory) != "M-00000001"
    for number in range(100, 100 + HEAD_LIMIT):
        await memory.mark(f"{number:08x}", "retired", "test")
    assert await best(memory) == "M-00000001"


async def test_lists_of_an_older_version_are_made_anew(
    memory: Memory, store: AsyncSqliteStore
) -> None:
    await memory.put_back(dict([made(1, 0, 0.9)]))
    await store.adelete(("heads",), NAME)
    await store.aput(("memory",), "listed", {"version": 1})
    assert await best(Memory(store, MemoryLocks())) == "M-00000001"


async def test_what_is_found_again_after_very_many_others_keeps_its_history(
    memory: Memory,
) -> None:
    for name in ("t1", "t2"):
        await learn(memory, insight(title="The one of long ago"), turn(name, day="2026-11-20"))
    [item] = await memory.items()
    await filled(memory, SEEN_LIMIT + 10)
    for name in ("t3", "t1"):
        await learn(memory, insight(title="The one of long ago"), turn(name))
    again = await memory.item(item["id"])
    assert again is not None
    assert (again["occurrences"], again["turns"]) == (3, ["t1", "t2", "t3"])
