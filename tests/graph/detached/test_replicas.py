"""Two replicas on one PostgreSQL: one is killed, and another ends its enrichments."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from lab.faults import Hang
from lab.minimax import MiniMaxDouble
from tests.conftest import MakeSettings
from tests.graph.detached.child import Child

pytestmark = [
    pytest.mark.parametrize("database", ["postgres"], indirect=True),
    pytest.mark.timeout(240),
]

ANALYST = "MiniMax-M2.5"
TURNS = 10
GUARD_S = 15.0
BAR_S = 1.5 * GUARD_S + 10


class Replicas:
    """Children with names of their own."""

    def __init__(self, make: MakeSettings) -> None:
        self._make = make
        self._alive: list[Child] = []

    async def start(self, name: str) -> Child:
        chosen = {"executor_id": name, "enrichment_timeout_s": GUARD_S}
        child = Child(self._make(**chosen, enrichment_concurrency=TURNS))
        self._alive.append(child)
        assert await child.until("ready") == ("ready",)
        return child

    async def kill(self, child: Child) -> float:
        self._alive.remove(child)
        await child.kill()
        return asyncio.get_running_loop().time()

    async def kill_all(self) -> None:
        for child in list(self._alive):
            await self.kill(child)


@pytest.fixture
async def replicas(lab_settings: MakeSettings) -> AsyncIterator[Replicas]:
    started = Replicas(lab_settings)
    yield started
    await started.kill_all()


async def with_ten_running(replicas: Replicas, provider: MiniMaxDouble) -> tuple[Child, list[str]]:
    provider.always(ANALYST, Hang())
    first = await replicas.start("one")
    runs = [str(uuid4()) for _ in range(TURNS)]
    for run in runs:
        await first.tell("ask", run, f"thread-{run}")
    for _ in runs:
        assert (await first.until("answered"))[0] == "answered"
    await provider.wait_for(ANALYST, TURNS)
    return first, runs


async def ended_on(child: Child, runs: list[str], since_s: float) -> None:
    await child.tell("settle")
    word, items, receipts, _ = await child.until("settled", "unsettled")
    took_s = asyncio.get_running_loop().time() - since_s
    assert word == "settled"
    assert receipts == dict.fromkeys(runs, "stored")
    assert took_s < BAR_S
    assert items
    for occurrences, turns in items:
        assert occurrences == len(turns) == len(set(turns))
        assert set(turns) <= set(runs)
    print(f"{len(runs)} enrichments ended {took_s:.1f} s after the kill (bar {BAR_S:g} s)")  # noqa: T201


async def test_the_survivor_ends_what_the_other_had_running(
    replicas: Replicas, provider: MiniMaxDouble
) -> None:
    first, runs = await with_ten_running(replicas, provider)
    second = await replicas.start("two")
    provider.always(ANALYST, None)
    killed_s = await replicas.kill(first)
    await ended_on(second, runs, killed_s)


async def test_a_survivor_killed_while_it_takes_over_is_survived_too(
    replicas: Replicas, provider: MiniMaxDouble
) -> None:
    first, runs = await with_ten_running(replicas, provider)
    second = await replicas.start("two")
    await replicas.kill(first)
    await provider.wait_for(ANALYST, TURNS + 3)
    killed_s = await replicas.kill(second)
    provider.always(ANALYST, None)
    third = await replicas.start("three")
    await ended_on(third, runs, killed_s)


async def test_another_replica_answers_the_question_of_one_that_was_killed(
    replicas: Replicas, provider: MiniMaxDouble
) -> None:
    first, second = await replicas.start("one"), await replicas.start("two")
    provider.queue("MiniMax-M3", Hang())
    run = str(uuid4())
    await first.tell("ask", run, "t")
    assert await first.until("accepted") == ("accepted", run)
    await provider.wait_for("MiniMax-M3", 1)
    await replicas.kill(first)
    await second.tell("settle")
    word, _, receipts, said = await second.until("settled", "unsettled")
    assert (word, receipts) == ("settled", {run: "stored"})
    assert f"{run}:answer" in [name for _, name, _ in said["t"]]
