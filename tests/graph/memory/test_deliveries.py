"""The same enrichment delivered five times: memory and the receipt are as after one delivery."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from graph.detached.branch import Branch
from graph.detached.breaker import Breaker
from graph.memory import Memory
from graph.receipts import LOCK_WAIT_S
from graph.runtime import Runtime, open_runtime
from graph.state import Receipt
from graph.storage import Locks
from graph.storage.locks import MemoryLocks
from lab.minimax import MiniMaxDouble
from tests.conftest import MakeSettings
from tests.graph.memory.found import insight, pattern, stored, turn

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)

ANALYST = "MiniMax-M2.5"
QUESTION = "checkout-service is slow. Is it pricing-service?"
DELIVERIES = 5
OF_A_RUN = ("attempts", "first_started_at", "seconds")
"""What a receipt says of how often and how long it ran, not of what was learned."""


@pytest.fixture
async def replicas(
    runtime: Runtime, database: dict[str, Any], lab_settings: MakeSettings
) -> AsyncIterator[list[Runtime]]:
    """Two runtimes on one PostgreSQL; files are one process's own."""
    if not database:
        yield [runtime]
        return
    async with open_runtime(lab_settings(executor_id="two"), works=False) as other:
        yield [runtime, other]


def workers(replicas: list[Runtime], *, locked: bool) -> list[Branch]:
    """Four further workers, in turn on each replica; without the lock none knows of another."""
    made = []
    for number in range(DELIVERIES - 1):
        on = replicas[number % len(replicas)]
        locks: Locks = on.storage.locks if locked else MemoryLocks()
        branch = Branch(on.receipts, locks, Breaker(100, 1.0), on.settings.enrichment_timeout_s)
        branch.attach(on.graph)
        made.append(branch)
    return made


@asynccontextmanager
async def nothing_is_written(runtime: Runtime) -> AsyncIterator[None]:
    """Memory is locked meanwhile: who wants to write waits."""
    async with runtime.storage.locks.held("memory", LOCK_WAIT_S):
        yield


async def kept(runtime: Runtime) -> list[dict[str, Any]]:
    return sorted(await runtime.memory.items(), key=lambda item: str(item["id"]))


async def ended(runtime: Runtime, turn_id: str) -> Receipt:
    receipt = await runtime.enrichment(turn_id)
    assert receipt is not None
    assert receipt["status"] == "stored", receipt["reason"]
    return receipt


def learned(receipt: Receipt) -> dict[str, Any]:
    return {name: value for name, value in receipt.items() if name not in OF_A_RUN}


async def asked(runtime: Runtime) -> str:
    return (await runtime.investigate(QUESTION))["turn"]["id"]


def once(turn_id: str) -> list[tuple[int, int, int, list[str]]]:
    """What two items of one turn count after one delivery."""
    return [(1, 0, 0, [turn_id])] * 2


def counted(items: list[dict[str, Any]]) -> list[tuple[int, int, int, list[str]]]:
    return [
        (item["occurrences"], item["confirmed"], item["unused"], item["turns"]) for item in items
    ]


async def test_a_delivery_of_what_has_ended_runs_nothing_and_changes_nothing(
    replicas: list[Runtime], provider: MiniMaxDouble
) -> None:
    runtime = replicas[0]
    turn_id = await asked(runtime)
    receipt, before = await ended(runtime, turn_id), await kept(runtime)
    for worker in workers(replicas, locked=True):
        await worker.run(turn_id)
    assert counted(before) == once(turn_id)
    assert await kept(runtime) == before
    assert await runtime.receipts.get(turn_id) == receipt
    assert len(provider.of(ANALYST)) == 1


async def test_five_runs_one_after_the_other_count_findings_and_hints_once(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    first = await asked(runtime)
    await ended(runtime, first)
    second = await asked(runtime)
    receipt, before = await ended(runtime, second), await kept(runtime)
    for _ in range(DELIVERIES - 1):
        await runtime.retry(second)
        again = await ended(runtime, second)
    assert counted(before) == [(2, 1, 0, [first, f"{second} confirmed", second])] * 2
    assert await kept(runtime) == before
    assert learned(again) == learned(receipt)
    assert (receipt["attempts"], again["attempts"]) == (1, DELIVERIES)
    assert len(provider.of(ANALYST)) == 1 + DELIVERIES


async def test_five_workers_at_once_run_it_once(
    replicas: list[Runtime], provider: MiniMaxDouble
) -> None:
    runtime = replicas[0]
    async with nothing_is_written(runtime):
        turn_id = await asked(runtime)
        await provider.wait_for(ANALYST, 1)
        others = [worker.run(turn_id) for worker in workers(replicas, locked=True)]
        delivered = asyncio.gather(*others)
    await delivered
    receipt = await ended(runtime, turn_id)
    assert counted(await kept(runtime)) == once(turn_id)
    assert (receipt["insights"], receipt["patterns"], receipt["attempts"]) == (1, 1, 1)
    assert len(provider.of(ANALYST)) == 1


async def test_five_workers_that_lost_their_lock_write_at_once_and_memory_counts_one(
    replicas: list[Runtime], provider: MiniMaxDouble
) -> None:
    runtime = replicas[0]
    async with nothing_is_written(runtime):
        turn_id = await asked(runtime)
        await provider.wait_for(ANALYST, 1)
        others = [worker.run(turn_id) for worker in workers(replicas, locked=False)]
        delivered = asyncio.gather(*others)
        await provider.wait_for(ANALYST, DELIVERIES)
    await delivered
    receipt = await ended(runtime, turn_id)
    assert counted(await kept(runtime)) == once(turn_id)
    assert (receipt["insights"], receipt["patterns"], receipt["dropped"]) == (1, 1, 0)


async def test_five_writes_of_one_turn_at_once_count_findings_and_hints_once(
    replicas: list[Runtime],
) -> None:
    memories = [replicas[number % len(replicas)].memory for number in range(DELIVERIES)]
    findings = insight().model_copy(update={"patterns": pattern().patterns})
    first, second = turn("t1"), turn("t2", minute=5)
    changed = await asyncio.gather(
        *(memory.remember(findings, first, stored("t1")) for memory in memories)
    )
    found = await kept(replicas[0])
    assert (sum(changed), counted(found)) == (2, once("t1"))
    verdicts = {found[0]["id"]: "confirmed", found[1]["id"]: "unused"}

    async def deliver(memory: Memory) -> int:
        learned = await memory.learn("t2", verdicts, second["at"])
        return learned + await memory.remember(findings, second, stored("t2"))

    assert sum(await asyncio.gather(*map(deliver, memories))) == 4
    confirmed, unused = await kept(replicas[0])
    assert [item["occurrences"] for item in (confirmed, unused)] == [2, 2]
    assert (confirmed["confirmed"], confirmed["unused"]) == (1, 0)
    assert (unused["confirmed"], unused["unused"]) == (1, 1)
