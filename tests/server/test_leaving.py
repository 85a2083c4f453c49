"""Callers that go away, and runs that are cancelled."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import httpx
import pytest

from graph.runtime import Runtime
from lab.faults import Hang
from lab.minimax import MiniMaxDouble
from tests.conftest import DATABASES
from tests.server.event_stream import FOLLOW, followed, told

pytestmark = pytest.mark.parametrize("database", DATABASES, indirect=True)

ORCHESTRATOR = "MiniMax-M3"
ASYNC = {"Prefer": "respond-async"}
OWNER = {"question": "Who owns cart-service?", "thread_id": "t"}
ANSWER_TAKES_S = 0.3
Gone = Callable[[httpx.AsyncClient, MiniMaxDouble, str], Awaitable[str]]


async def waited(client: httpx.AsyncClient, provider: MiniMaxDouble, on_disconnect: str) -> str:
    """Ask for JSON and go away while the model is asked."""
    body = {**OWNER, "on_disconnect": on_disconnect}
    asking = asyncio.create_task(client.post("/v1/investigations", json=body))
    await provider.wait_for(ORCHESTRATOR, 1)
    [run] = (await client.get("/v1/runs")).json()["items"]
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    return str(run["run_id"])


async def streamed(client: httpx.AsyncClient, provider: MiniMaxDouble, on_disconnect: str) -> str:
    """Follow the events and go away while the model is asked."""
    body = {**OWNER, "on_disconnect": on_disconnect}
    async with client.stream("POST", "/v1/investigations", json=body, headers=FOLLOW) as response:
        events = told(response)
        accepted = await anext(events)
        await provider.wait_for(ORCHESTRATOR, 1)
    return str(accepted.data["run_id"])


@pytest.mark.parametrize("gone", [waited, streamed])
async def test_a_run_goes_on_when_its_caller_goes_away(
    web: httpx.AsyncClient, provider: MiniMaxDouble, gone: Gone
) -> None:
    provider.delay_s = ANSWER_TAKES_S
    run_id = await gone(web, provider, "continue")
    assert (await followed(web, run_id))[-1].event == "answered"
    assert (await web.get(f"/v1/runs/{run_id}")).json()["status"] == "done"


@pytest.mark.parametrize("gone", [waited, streamed])
async def test_a_run_that_is_to_end_with_its_caller_ends_and_its_call_is_closed(
    web: httpx.AsyncClient, provider: MiniMaxDouble, gone: Gone
) -> None:
    provider.always(ORCHESTRATOR, Hang())
    run_id = await gone(web, provider, "cancel")
    await provider.of(ORCHESTRATOR)[0].closed_by_client.wait()
    assert (await followed(web, run_id))[-1].event == "cancelled"
    assert (await web.get(f"/v1/runs/{run_id}")).json()["status"] == "cancelled"
    assert len(provider.of(ORCHESTRATOR)) == 1


async def test_a_caller_who_waits_for_a_run_that_is_cancelled_is_told_so(
    client: httpx.AsyncClient, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, Hang())
    asking = asyncio.create_task(client.post("/v1/investigations", json=OWNER))
    seen = await provider.wait_for(ORCHESTRATOR, 1)
    [run] = (await client.get("/v1/runs")).json()["items"]
    cancelled = await client.post(f"/v1/runs/{run['run_id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert seen.closed_by_client.is_set()
    answer = await asking
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/run-cancelled")
    assert answer.json()["run_id"] == run["run_id"]
    after = await client.post("/v1/investigations", json=OWNER)
    assert after.status_code == 200


async def test_a_run_that_waits_is_cancelled_before_it_asks_anybody(
    client: httpx.AsyncClient, provider: MiniMaxDouble
) -> None:
    provider.always(ORCHESTRATOR, Hang())
    body = {**OWNER, "when_busy": "queue"}
    asked = [
        (await client.post("/v1/investigations", json=body, headers=ASYNC)).json() for _ in range(2)
    ]
    await provider.wait_for(ORCHESTRATOR, 1)
    cancelled = await client.post(f"/v1/runs/{asked[1]['run_id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    events = await followed(client, asked[1]["run_id"])
    assert [event.event for event in events] == ["accepted", "cancelled"]
    still = (await client.get(f"/v1/runs/{asked[0]['run_id']}")).json()
    assert still["status"] == "running"
    await client.post(f"/v1/runs/{asked[0]['run_id']}/cancel")
    assert len(provider.of(ORCHESTRATOR)) == 1


async def test_what_has_ended_is_not_cancelled_and_stays_as_it_is(
    client: httpx.AsyncClient, provider: MiniMaxDouble
) -> None:
    done = (await client.post("/v1/investigations", json=OWNER)).json()["run_id"]
    provider.always(ORCHESTRATOR, Hang())
    other = (await client.post("/v1/investigations", json=OWNER, headers=ASYNC)).json()["run_id"]
    await provider.wait_for(ORCHESTRATOR, 2)
    await client.post(f"/v1/runs/{other}/cancel")
    for run_id, status in ((done, "done"), (other, "cancelled")):
        refused = await client.post(f"/v1/runs/{run_id}/cancel")
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/run-ended")
        assert (await client.get(f"/v1/runs/{run_id}")).json()["status"] == status


async def test_a_server_that_is_closed_leaves_nothing_of_a_cancelled_run_to_resume(
    client: httpx.AsyncClient, runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, Hang())
    run = (await client.post("/v1/investigations", json=OWNER, headers=ASYNC)).json()
    await provider.wait_for(ORCHESTRATOR, 1)
    await client.post(f"/v1/runs/{run['run_id']}/cancel")
    assert await runtime.runs.unfinished() == []
    messages = (await client.get("/v1/threads/t")).json()["messages"]
    assert [entry["role"] for entry in messages] == ["user", "assistant"]
    assert messages[1]["content"] == "The investigation could not be finished. it was cancelled"
