"""The bounds of the branch: the breaker, the concurrency, the rate."""

import asyncio

import pytest

from graph.detached.breaker import Breaker
from lab.faults import Hang, Status
from lab.minimax import MiniMaxDouble
from tests.conftest import OpenRuntime

ANALYST = "MiniMax-M2.5"
QUESTION = "checkout-service is slow since half an hour. What is wrong?"


async def test_a_dead_analyst_is_asked_by_one_at_a_time_and_nothing_is_lost(
    open_lab: OpenRuntime, provider: MiniMaxDouble, caplog: pytest.LogCaptureFixture
) -> None:
    provider.always(ANALYST, Status(500, "down"))
    limits = {"enrichment_concurrency": 1, "enrichment_failures": 2, "enrichment_pause_s": 1}
    async with open_lab(model_attempts=1, **limits) as runtime:
        names = [
            (await runtime.investigate(QUESTION, thread_id=f"t{number}"))["turn"]["id"]
            for number in range(5)
        ]
        await provider.wait_for(ANALYST, 3)
        provider.always(ANALYST, None)
        ended = [await runtime.enrichment(name) for name in names]
    statuses = [entry["status"] for entry in ended if entry]
    assert statuses == ["failed"] * 3 + ["stored"] * 2
    said = [record.getMessage() for record in caplog.records]
    waits = [line for line in said if "enrichments wait" in line]
    assert waits == [
        "the analyst failed 2 times in a row; enrichments wait, the next try is in 1 s"
    ]
    assert said.count("the analyst answers again; enrichments go on") == 1


async def test_while_the_breaker_is_open_one_tries_and_the_others_wait_for_it() -> None:
    breaker = Breaker(failures=1, pause_s=0.01)
    breaker.saw(answered=False)
    order: list[str] = []
    entered, answer = asyncio.Event(), asyncio.Event()

    async def enter(name: str) -> None:
        async with breaker.passage():
            order.append(name)
            if len(order) == 1:
                entered.set()
                await answer.wait()
                breaker.saw(answered=True)

    tasks = [asyncio.create_task(enter(name)) for name in ("first", "second", "third")]
    async with asyncio.timeout(5):
        await entered.wait()
        assert len(order) == 1
        assert breaker.is_open
        answer.set()
        await asyncio.gather(*tasks)
    assert sorted(order) == ["first", "second", "third"]
    assert not breaker.is_open


@pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)
async def test_no_more_run_at_once_than_configured(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.always(ANALYST, Hang())
    async with open_lab(enrichment_concurrency=2, enrichment_timeout_s=1) as runtime:
        turns = [await runtime.investigate(QUESTION, thread_id=f"t{n}") for n in range(4)]
        most = 0
        while pending := await runtime.enrichments(status="pending"):
            most = max(most, sum(entry["attempts"] > 0 for entry in pending))
        ended = [await runtime.enrichment(state["turn"]["id"]) for state in turns]
    assert most == 2
    assert [entry["status"] for entry in ended if entry] == ["timeout"] * 4


@pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)
async def test_no_more_start_in_a_minute_than_configured(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    async with open_lab(enrichment_per_minute=2) as runtime:
        turns = [await runtime.investigate(QUESTION, thread_id=f"t{n}") for n in range(3)]
        names = [state["turn"]["id"] for state in turns]
        for name in names[:2]:
            await runtime.enrichment(name)
        waiting = await runtime.receipts.get(names[2])
    assert waiting is not None
    assert (waiting["status"], waiting["attempts"]) == ("pending", 0)
    assert len(provider.of(ANALYST)) == 2
