"""PostgreSQL that goes away and comes back: between turns, and in the middle of one."""

import asyncio
from uuid import uuid4

import pytest

from graph.detached.queue import open_queue
from graph.errors import StateUnavailable
from lab.faults import Hang
from lab.minimax import MiniMaxDouble
from lab.postgres import PostgresServer
from tests.conftest import OpenRuntime

pytestmark = pytest.mark.parametrize("database", ["postgres"], indirect=True)

ORCHESTRATOR = "MiniMax-M3"
QUESTION = "checkout-service is slow since half an hour. What is wrong?"
PATIENCE_S = 30


async def test_a_restart_while_nothing_runs_is_not_noticed_by_the_next_turn(
    open_lab: OpenRuntime, postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_lab() as runtime:
        first = (await runtime.investigate(QUESTION, thread_id="t"))["turn"]["id"]
        before = await runtime.enrichment(first)
        async with open_queue(runtime.storage.queue_url) as queue, asyncio.timeout(PATIENCE_S):
            while await queue.has_at_least(1):
                pass
        await postgres_server.restart()
        second = await runtime.investigate(QUESTION, thread_id="t")
        after = await runtime.enrichment(second["turn"]["id"])
        items = await runtime.memory.items()
    assert [before and before["status"], after and after["status"]] == ["stored", "stored"]
    assert after is not None
    assert after["attempts"] == 1
    assert second["report"] is not None
    assert [message.id for message in second["messages"]].count(f"{first}:answer") == 1
    turn_id = second["turn"]["id"]
    assert [item["turns"] for item in items] == [[first, f"{turn_id} confirmed", turn_id]] * 2
    assert not [record for record in caplog.records if record.name.startswith("graph.turns")]


async def test_a_stop_in_the_middle_of_a_turn_is_said_and_after_the_start_it_is_answered(
    open_lab: OpenRuntime,
    provider: MiniMaxDouble,
    postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # The same waits, shorter.
    monkeypatch.setattr("graph.storage.postgres.POOL_WAIT_S", 1)
    monkeypatch.setattr("graph.storage.postgres.RECONNECT_S", 0.5)
    monkeypatch.setattr("graph.detached.upkeep.EVERY_S", 0.5)
    provider.always(ORCHESTRATOR, Hang())
    run = str(uuid4())
    async with open_lab(model_timeout_s=2, model_attempts=10) as runtime:
        asked = asyncio.create_task(runtime.investigate(QUESTION, run_id=run, thread_id="t"))
        await provider.wait_for(ORCHESTRATOR, 1)
        await postgres_server.stop()
        try:
            provider.always(ORCHESTRATOR, None)
            with pytest.raises(StateUnavailable) as caught:
                await asked
        finally:
            await postgres_server.start()
        async with asyncio.timeout(PATIENCE_S):
            while await runtime.runs.unfinished():
                pass
        ended = await runtime.enrichment(run)
        state = await runtime.state("t")
        items = await runtime.memory.items()
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    assert said.startswith(f"turn {run} broke off, the state cannot be written: ")
    assert said.endswith("goes on by itself, on its thread, when that is mended")
    assert f"resuming turn {run}" in caplog.text
    names = [message.id for message in state["messages"]]
    assert names.count(f"{run}:question") == names.count(f"{run}:answer") == 1
    assert state["report"] is not None
    assert ended is not None
    assert ended["status"] == "stored"
    assert [item["turns"] for item in items] == [[run]] * 2
