"""Asking over HTTP: the three ways to get the answer, keys, threads in use, what goes with it."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from graph.run import Asked
from graph.runtime import Runtime
from graph.thread_lock import lock_name
from lab.faults import Hang
from lab.minimax import MiniMaxDouble
from tests.conftest import DATABASES
from tests.server.event_stream import FOLLOW, followed, told

pytestmark = pytest.mark.parametrize("database", DATABASES, indirect=True)

ORCHESTRATOR = "MiniMax-M3"
ASYNC = {"Prefer": "respond-async"}
OWNER = {"question": "Who owns cart-service?"}
SLOW = {"question": "checkout-service is slow since half an hour. What is wrong?"}
ANSWERED = "cart-service is owned by checkout"
SECRET = "AKIAIOSFODNN7EXAMPLQ"


async def rows(runtime: Runtime) -> int:
    return len((await runtime.runs.page())[0])


async def test_the_answer_comes_as_json_with_its_run(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/investigations", json=OWNER)
    body = answer.json()
    assert answer.status_code == 200
    assert ANSWERED in body["answer"]
    assert answer.headers["location"] == f"/v1/runs/{body['run_id']}"
    run = (await client.get(answer.headers["location"])).json()
    assert (run["status"], run["question"], run["origin"]) == ("done", OWNER["question"], "http")


async def test_asked_for_events_the_run_is_told_from_its_acceptance_to_its_answer(
    web: httpx.AsyncClient,
) -> None:
    async with web.stream("POST", "/v1/investigations", json=OWNER, headers=FOLLOW) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = [event async for event in told(response)]
    assert events[0].event == "accepted"
    assert {event.event for event in events[1:-1]} == {"started", "ended"}
    assert events[-1].event == "answered"
    assert ANSWERED in events[-1].data["answer"]
    assert [event.id for event in events] == [f"1.{n}" for n in range(1, len(events) + 1)]


async def test_asked_to_respond_later_it_is_accepted_and_ends_by_itself(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/v1/investigations", json=OWNER, headers=ASYNC)
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    assert answer.json()["status"] == "queued"
    where = answer.headers["location"]
    assert where == f"/v1/runs/{answer.json()['run_id']}"
    await followed(client, answer.json()["run_id"])
    assert (await client.get(where)).json()["status"] == "done"
    assert ANSWERED in (await client.get(f"{where}/answer")).json()["answer"]


@pytest.mark.parametrize("thread_id", [None, "t"], ids=["new threads", "one thread"])
async def test_ten_at_once_with_one_key_are_one_run(
    client: httpx.AsyncClient, runtime: Runtime, thread_id: str | None
) -> None:
    body = {**OWNER, "thread_id": thread_id}
    key = {"Idempotency-Key": "k"}
    asked = (client.post("/v1/investigations", json=body, headers=key) for _ in range(10))
    answers = await asyncio.gather(*asked)
    assert [answer.status_code for answer in answers] == [200] * 10
    assert len({answer.text for answer in answers}) == 1
    replayed = [answer.headers.get("idempotency-replayed") for answer in answers]
    assert sorted(replayed, key=str) == [None, *["true"] * 9]
    again = await client.post("/v1/investigations", json=body, headers=key)
    assert again.json() == answers[0].json()
    assert await rows(runtime) == 1


async def test_a_key_with_another_body_is_refused_and_nothing_of_it_is_stored(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    key = {"Idempotency-Key": "k"}
    first = await client.post("/v1/investigations", json=OWNER, headers=key)
    other = {**OWNER, "thread_id": "other"}
    refused = await client.post("/v1/investigations", json=other, headers=key)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/key-reused")
    assert first.json()["run_id"] in refused.json()["detail"]
    assert await rows(runtime) == 1
    assert (await client.get("/v1/threads/other")).status_code == 404


async def test_a_thread_in_use_is_refused_with_the_run_that_is_on_it(
    client: httpx.AsyncClient, runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, Hang())
    body = {**OWNER, "thread_id": "t"}
    first = (await client.post("/v1/investigations", json=body, headers=ASYNC)).json()
    refused = await client.post("/v1/investigations", json=body)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/thread-busy")
    assert refused.json()["run_id"] == first["run_id"]
    assert await rows(runtime) == 1
    assert (await client.get("/v1/threads/t")).json()["running"] == first["run_id"]


async def test_of_many_at_once_on_a_thread_all_that_are_refused_name_the_run_in_the_way(
    client: httpx.AsyncClient,
) -> None:
    body = {**OWNER, "thread_id": "t"}
    asked = (client.post("/v1/investigations", json=body) for _ in range(5))
    answers = [answer.json() for answer in await asyncio.gather(*asked)]
    [answered] = [answer for answer in answers if "answer" in answer]
    assert [answer["run_id"] for answer in answers] == [answered["run_id"]] * 5


async def test_who_asks_while_the_run_on_a_thread_is_being_written_is_told_of_it(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    name = lock_name("t")
    assert await runtime.storage.locks.take(name)
    body = {**OWNER, "thread_id": "t"}
    asking = asyncio.create_task(client.post("/v1/investigations", json=body))
    answered, _ = await asyncio.wait({asking}, timeout=0.5)
    assert not answered
    await runtime.runs.add(Asked(OWNER["question"], "written", "t"))
    refused = await asking
    assert (refused.status_code, refused.json()["run_id"]) == (409, "written")
    await runtime.storage.locks.release(name)


async def test_questions_that_wait_for_a_thread_are_answered_in_their_order(
    client: httpx.AsyncClient, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, Hang())
    names = ["cart-service", "checkout-service", "pricing-service"]
    accepted = []
    for name in names:
        body = {"question": f"Who owns {name}?", "thread_id": "t", "when_busy": "queue"}
        answer = await client.post("/v1/investigations", json=body, headers=ASYNC)
        accepted.append(answer.json()["run_id"])
    await provider.wait_for(ORCHESTRATOR, 1)
    states = [(await client.get(f"/v1/runs/{run_id}")).json()["status"] for run_id in accepted]
    assert states == ["running", "queued", "queued"]
    await client.post(f"/v1/runs/{accepted[0]}/cancel")
    for run_id in accepted[1:]:
        assert (await followed(client, run_id))[-1].event == "answered"
    spoken = (await client.get("/v1/threads/t")).json()["messages"]
    asked = [entry["content"] for entry in spoken if entry["role"] == "user"]
    assert asked == [f"Who owns {name}?" for name in names]
    assert "was cancelled" in spoken[1]["content"]
    assert [entry["role"] for entry in spoken] == ["user", "assistant"] * 3


async def test_a_lower_budget_is_kept_and_a_higher_one_is_refused(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    full = (await client.post("/v1/investigations", json=SLOW)).json()
    lowered = {**SLOW, "budgets": {"visits": 1}}
    less = (await client.post("/v1/investigations", json=lowered)).json()
    assert full["spent"]["visits"] > 2
    assert less["spent"]["visits"] == 2
    assert less["spent"]["visits_over_budget"] == 1
    run = (await client.get(f"/v1/runs/{less['run_id']}")).json()
    assert run["budgets"] == {"visits": 1}
    fewer = {**SLOW, "budgets": {"tool_calls": 2}}
    assert full["spent"]["tool_calls"] > 2
    held = (await client.post("/v1/investigations", json=fewer)).json()
    assert held["spent"]["tool_calls"] == 2
    for name, most in runtime.settings.budgets.items():
        higher = {**SLOW, "budgets": {name: most + 1}}
        refused = await client.post("/v1/investigations", json=higher)
        assert refused.status_code == 422
        assert f"budget {name}=" in refused.json()["detail"]
    assert await rows(runtime) == 3


async def test_metadata_and_focus_are_kept_and_the_model_is_told_the_focus(
    client: httpx.AsyncClient, provider: MiniMaxDouble
) -> None:
    body = {**OWNER, "focus": ["pricing-service"], "metadata": {"ticket": "OPS-1"}}
    run_id = (await client.post("/v1/investigations", json=body)).json()["run_id"]
    run = (await client.get(f"/v1/runs/{run_id}")).json()
    assert (run["focus"], run["metadata"]) == (["pricing-service"], {"ticket": "OPS-1"})
    system = provider.of(ORCHESTRATOR)[0].body["messages"][0]["content"]
    assert "The caller points at: pricing-service." in system


async def test_an_alert_is_shown_between_fences_and_its_secrets_go_nowhere(
    client: httpx.AsyncClient,
    runtime: Runtime,
    provider: MiniMaxDouble,
    database: dict[str, Any],
    tmp_path: Path,
) -> None:
    said = "p99 of checkout-service is over 2 s"
    alert = {"title": said, "env": {"db_password": SECRET}, "log": [f"login with {SECRET}"]}
    answer = await client.post("/v1/investigations", json={**SLOW, "alert": alert})
    run_id = answer.json()["run_id"]
    await runtime.enrichment(run_id)
    system = provider.of(ORCHESTRATOR)[0].body["messages"][0]["content"]
    boundary = system.partition("Boundary word: ")[2].partition(".")[0]
    _, before, fenced = system.partition("The alert that was received:\n")
    assert before
    assert said in fenced
    assert fenced.index(boundary) < fenced.index(said) < fenced.rindex(boundary)
    paths = ["", "/answer", "/evidence", "/events", "/steps", "/steps/1", "/steps/2"]
    shown = [(await client.get(f"/v1/runs/{run_id}{path}")).text for path in paths]
    assert all(said in text for text in (shown[0], shown[-1]))
    sent = [str(seen.body) for seen in provider.requests]
    kept = await kept_bytes(database, tmp_path / "state")
    assert said.encode() in kept
    assert SECRET not in "".join([answer.text, *shown, *sent])
    assert SECRET.encode() not in kept


async def kept_bytes(database: dict[str, Any], state_dir: Path) -> bytes:
    """Everything that the databases hold."""
    kept = contents(state_dir)
    if not database:
        return kept
    async with await psycopg.AsyncConnection.connect(database["database_url"]) as connection:
        tables = await connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_type = 'BASE TABLE' AND table_schema NOT LIKE 'pg\\_%' "
            "AND table_schema <> 'information_schema'"
        )
        for place in await tables.fetchall():
            statement = sql.SQL("SELECT * FROM {}").format(sql.Identifier(*place))
            async for row in await connection.execute(statement):
                values = [value if isinstance(value, bytes) else str(value) for value in row]
                kept += b"".join(v if isinstance(v, bytes) else v.encode() for v in values)
    return kept


def contents(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
