"""However a run was asked for and wherever it is kept, it is rerun to the same."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from graph.receipts import enrichment_thread
from graph.runtime import Runtime
from graph.settings import Settings
from lab.minimax import MiniMaxDouble
from replay.__main__ import main
from replay.export import exported
from tests.conftest import OpenRuntime
from tests.replay.alone import Alone
from tests.replay.conftest import recorded
from tests.server.conftest import application, client_of
from tests.server.webhooks.conftest import TOKEN
from tests.server.webhooks.test_datadog import payload, posted

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)

QUESTION = "checkout-service is slow since half an hour. What is wrong?"
ASKED = {"messages": [{"role": "user", "content": QUESTION}]}


@pytest.fixture
async def runtime(open_lab: OpenRuntime) -> AsyncIterator[Runtime]:
    async with open_lab(webhook_datadog_token=TOKEN) as started:
        yield started


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    async with application(runtime) as app, client_of(app) as opened:
        yield opened


async def test_a_run_that_was_asked_for_over_http(
    runtime: Runtime, client: httpx.AsyncClient, alone: Alone
) -> None:
    body = {"question": QUESTION, "focus": ["pricing-service"], "budgets": {"visits": 9}}
    answer = await client.post("/v1/investigations", json=body)
    assert answer.status_code == 200
    recording = await recorded(runtime, answer.json()["run_id"])
    assert recording.run["origin"] == "http"
    await alone.shows_the_same(recording)


async def test_a_run_that_an_alert_asked_for(
    runtime: Runtime, client: httpx.AsyncClient, alone: Alone
) -> None:
    run_id = (await posted(client, payload())).json()["run_id"]
    async for _ in runtime.turns.follow(run_id):
        pass
    recording = await recorded(runtime, run_id)
    assert recording.run["origin"] == "webhook"
    [turn, _] = recording.segments
    assert turn.steps[0].changes["turn"]["value"]["alert"]["source"] == "datadog"
    await alone.shows_the_same(recording)


def place(thread_id: str, run_id: str | None = None) -> Any:
    """Where LangGraph's server runs, and as which run."""
    place: dict[str, Any] = {"configurable": {"thread_id": thread_id}}
    return {**place, "run_id": run_id, "metadata": {"run_id": run_id}} if run_id else place


async def test_a_run_of_langgraphs_server(runtime: Runtime, alone: Alone) -> None:
    run_id = str(uuid4())
    state = await runtime.graph.ainvoke(ASKED, place("t", run_id))
    assert state["turn"]["id"] == run_id
    recording = await recorded(runtime, run_id)
    assert (recording.run["origin"], len(recording.segments)) == ("langgraph", 2)
    await alone.shows_the_same(recording)


async def test_a_run_of_langgraphs_server_that_stopped_was_edited_and_went_on(
    runtime: Runtime, alone: Alone
) -> None:
    run_id, then, last = str(uuid4()), str(uuid4()), str(uuid4())
    await runtime.graph.ainvoke(ASKED, place("t", run_id), interrupt_after=["tool"])
    await runtime.graph.aupdate_state(place("t"), {"focus": ["edited"]}, "tool")
    stopped = await recorded(runtime, run_id)
    await runtime.graph.ainvoke(None, place("t", then), interrupt_before=["respond"])
    state = await runtime.graph.ainvoke(None, place("t", last))
    assert (state["turn"]["id"], state["focus"]) == (run_id, ["edited"])
    recording = await recorded(runtime, run_id)
    before, after, enrichment = recording.segments
    assert [step.name for step in before.steps] == ["plan#1", "tool#1"]
    assert [after.steps[0].name, after.steps[-1].name] == ["plan#2", "respond#1"]
    assert [step.name for step in enrichment.steps] == ["enrich#1"]
    assert stopped.segments[0] == before
    assert [part.steps for part in stopped.segments[1:]] == [[]]
    await alone.shows_the_same(recording)
    await alone.shows_the_same(stopped)


async def test_what_was_run_again_from_an_earlier_step_is_a_part_of_its_own(
    runtime: Runtime, alone: Alone
) -> None:
    state = await runtime.investigate(QUESTION, thread_id="t")
    recording = await recorded(runtime, state["turn"]["id"])
    thread = place(enrichment_thread(recording.run_id))
    [*_, first] = [snapshot async for snapshot in runtime.graph.aget_state_history(thread)]
    await runtime.graph.ainvoke(None, first.config)
    again = await recorded(runtime, recording.run_id)
    assert again.segments[:-1] == recording.segments
    begun, latest = again.part("enrichment")
    assert (latest.start, latest.following) == (begun.start, ["enrich"])
    assert [step.name for step in latest.steps] == ["enrich#1"]
    await alone.shows_the_same(again)


async def test_a_run_that_is_named_by_its_id_while_the_server_works(
    runtime: Runtime,
    provider: MiniMaxDouble,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    state = await runtime.investigate(QUESTION)
    recording = await recorded(runtime, state["turn"]["id"])
    calls = len(provider.requests)
    for name, value in named(runtime.settings).items():
        monkeypatch.setenv(name, value)
    capsys.readouterr()
    assert await asyncio.to_thread(main, ["rerun", recording.run_id]) == 0
    assert capsys.readouterr().out.startswith(f"same: run {recording.run_id}, ")
    assert await asyncio.to_thread(main, ["export", recording.run_id]) == 0
    assert capsys.readouterr().out == await exported(recording)
    assert len(provider.requests) == calls


def named(settings: Settings) -> dict[str, str]:
    """The environment that names where these settings keep what was recorded."""
    url = settings.database_url
    if url is None:
        return {"STATE_DIR": str(settings.state_dir)}
    return {"DATABASE_URL": url.get_secret_value()}
