"""Streams: cut anywhere and resumed, read again after the end, and read from another replica."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from graph.runtime import Runtime
from lab.faults import Hang
from lab.minimax import MiniMaxDouble
from tests.conftest import DATABASES, OpenRuntime
from tests.server.conftest import application, client_of, listening
from tests.server.event_stream import Told, followed, told

both = pytest.mark.parametrize("database", DATABASES, indirect=True)
replicated = pytest.mark.parametrize("database", ["postgres"], indirect=True)

ORCHESTRATOR = "MiniMax-M3"
ASYNC = {"Prefer": "respond-async"}
SLOW = {"question": "checkout-service is slow since half an hour. What is wrong?"}
OWNER = {"question": "Who owns cart-service?", "thread_id": "t"}


async def asked(client: httpx.AsyncClient, body: dict[str, str] = SLOW) -> str:
    answer = await client.post("/v1/investigations", json=body, headers=ASYNC)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["run_id"])


async def cut_after(client: httpx.AsyncClient, run_id: str, count: int) -> list[Told]:
    """The first `count` events; then the connection is closed."""
    async with client.stream("GET", f"/v1/runs/{run_id}/events") as response:
        events = told(response)
        return [await anext(events) for _ in range(count)]


async def one_by_one(client: httpx.AsyncClient, run_id: str) -> list[Told]:
    """The whole stream, with the connection cut after each event."""
    events: list[Told] = []
    while not events or events[-1].event != "answered":
        headers = {"Last-Event-ID": str(events[-1].id)} if events else {}
        async with client.stream("GET", f"/v1/runs/{run_id}/events", headers=headers) as response:
            events.append(await anext(told(response)))
    return events


@both
async def test_a_stream_cut_after_each_of_its_events_tells_the_same_while_it_runs(
    web: httpx.AsyncClient, provider: MiniMaxDouble
) -> None:
    provider.delay_s = 0.05
    run_id = await asked(web)
    cut, whole = await asyncio.gather(one_by_one(web, run_id), followed(web, run_id))
    assert len(whole) > 10
    assert cut == whole
    print(f"{len(whole)} events, cut after each while the run was on: none lost, none doubled")  # noqa: T201


@both
async def test_a_stream_of_a_run_that_has_ended_goes_on_after_any_event(
    web: httpx.AsyncClient,
) -> None:
    run_id = await asked(web)
    while_running = await followed(web, run_id)
    assert await followed(web, run_id) == while_running
    for position in range(1, len(while_running)):
        first = await cut_after(web, run_id, position)
        rest = await followed(web, run_id, str(first[-1].id))
        assert [*first, *rest] == while_running
    assert await followed(web, run_id, str(while_running[-1].id)) == []
    assert await followed(web, run_id, "what nobody sent") == while_running


@both
async def test_another_start_on_the_same_database_tells_the_same(open_lab: OpenRuntime) -> None:
    async with open_lab() as first, listening(first) as client:
        run_id = await asked(client)
        whole = await followed(client, run_id)
    async with open_lab() as second, listening(second) as client:
        for event in [None, *whole]:
            position = whole.index(event) + 1 if event else 0
            resumed = await followed(client, run_id, event.id if event else None)
            assert resumed == whole[position:]


@both
async def test_a_run_that_was_not_begun_before_a_stop_is_told_whole_after_the_next_start(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.always(ORCHESTRATOR, Hang())
    async with open_lab() as first, application(first) as app, client_of(app) as client:
        await asked(client, OWNER)
        await provider.wait_for(ORCHESTRATOR, 1)
        waiting = await asked(client, {**OWNER, "when_busy": "queue"})
        seen = await asyncio.wait_for(first_of(first, waiting), 10)
    provider.always(ORCHESTRATOR, None)
    async with open_lab() as second, listening(second) as client:
        whole = await followed(client, waiting)
        resumed = await followed(client, waiting, seen)
    assert [event.event for event in whole[:2]] == ["accepted", "started"]
    assert [event.id for event in whole] == [f"1.{n}" for n in range(1, len(whole) + 1)]
    assert resumed == whole[1:]


async def first_of(runtime: Runtime, run_id: str) -> str:
    """The id of the first event that the run tells."""
    events = runtime.turns.follow(run_id)
    return (await anext(events))["id"]


@asynccontextmanager
async def two_replicas(
    open_lab: OpenRuntime,
) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Clients of two on one database; a process has one worker, so the second is without."""
    async with (
        open_lab() as one,
        open_lab(executor_id="two", enrichment=False) as two,
        listening(one) as here,
        listening(two) as there,
    ):
        yield here, there


@replicated
async def test_a_run_in_another_replica_is_told_when_it_has_ended(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.delay_s = 0.2
    async with two_replicas(open_lab) as (here, there):
        run_id = await asked(here)
        both_told = await asyncio.gather(followed(here, run_id), followed(there, run_id))
        answer = await there.get(f"/v1/runs/{run_id}/answer")
    assert both_told[0] == both_told[1]
    assert both_told[1][-1].data["answer"] == answer.json()["answer"]


@replicated
@pytest.mark.parametrize("ending", ["answered", "cancelled"])
async def test_a_run_that_was_accepted_here_and_ended_by_another_replica_is_told_here(
    open_lab: OpenRuntime, provider: MiniMaxDouble, ending: str
) -> None:
    provider.queue(ORCHESTRATOR, Hang())
    async with two_replicas(open_lab) as (here, there):
        in_the_way = await asked(there, OWNER)
        await provider.wait_for(ORCHESTRATOR, 1)
        queued = {**OWNER, "when_busy": "queue"}
        waiting = asyncio.create_task(here.post("/v1/investigations", json=queued))
        while len(runs := (await there.get("/v1/runs")).json()["items"]) < 2:
            pass
        run_id = next(run["run_id"] for run in runs if run["run_id"] != in_the_way)
        following = asyncio.create_task(followed(here, run_id))
        ends = run_id if ending == "cancelled" else in_the_way
        await there.post(f"/v1/runs/{ends}/cancel")
        told_there = await followed(there, run_id)
        told_here, answer = await following, await waiting
    assert told_here == told_there
    assert told_here[0].event == "accepted"
    assert told_here[-1].event == ending
    assert answer.status_code == (200 if ending == "answered" else 409)


@replicated
async def test_a_run_is_cancelled_from_another_replica(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.always(ORCHESTRATOR, Hang())
    async with two_replicas(open_lab) as (here, there):
        run_id = await asked(here)
        seen = await provider.wait_for(ORCHESTRATOR, 1)
        cancelled = await there.post(f"/v1/runs/{run_id}/cancel")
        assert cancelled.json()["status"] == "cancelled"
        assert seen.closed_by_client.is_set()
        assert (await followed(here, run_id))[-1].event == "cancelled"
