"""A database that fails while there is work: a clear error or a recovery, and nothing lost."""

import resource
from pathlib import Path
from uuid import uuid4

import pytest
from langchain_core.runnables import RunnableConfig

from lab.faults import Hang
from lab.minimax import MiniMaxDouble
from lab.postgres import PostgresServer
from tests.conftest import MakeSettings, OpenRuntime
from tests.graph.detached.child import Child

ANALYST = "MiniMax-M2.5"
QUESTION = "checkout-service is slow since half an hour. What is wrong?"


async def test_a_full_disk_is_said_and_what_was_accepted_goes_on_when_there_is_room(
    lab_settings: MakeSettings, tmp_path: Path
) -> None:
    child = Child(lab_settings())
    assert await child.until("ready") == ("ready",)
    first, second = str(uuid4()), str(uuid4())
    await child.tell("ask", first, "t")
    assert await child.until("answered", "unavailable") == ("answered", first)
    # As on a full disk, no file grows any more; what is written in place still is.
    largest = max(file.stat().st_size for file in (tmp_path / "state").iterdir())
    await child.tell("limit", largest)
    await child.tell("ask", second, "t")
    word, said = await child.until("answered", "unavailable")
    assert word == "unavailable"
    assert said.startswith(f"turn {second} broke off, the state cannot be written: ")
    await child.tell("limit", resource.RLIM_INFINITY)
    await child.tell("settle")
    word, _, receipts, kept = await child.until("settled", "unsettled")
    await child.kill()
    assert word == "settled"
    assert receipts == {first: "stored", second: "stored"}
    names = [name for _, name, _ in kept["t"]]
    assert names.count(f"{first}:answer") == names.count(f"{second}:answer") == 1


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_a_restart_of_postgresql_is_survived_by_an_enrichment_and_by_the_next_turn(
    open_lab: OpenRuntime, provider: MiniMaxDouble, postgres_server: PostgresServer
) -> None:
    provider.queue(ANALYST, Hang())
    async with open_lab(enrichment_timeout_s=2) as runtime:
        first = (await runtime.investigate(QUESTION, thread_id="t"))["turn"]["id"]
        await provider.wait_for(ANALYST, 1)
        await postgres_server.restart()
        ended = await runtime.enrichment(first)
        second = await runtime.investigate(QUESTION, thread_id="t")
        again = await runtime.enrichment(second["turn"]["id"])
    assert ended is not None
    assert ended["status"] == "timeout"
    assert again is not None
    assert again["status"] == "stored"
    assert second["report"] is not None


@pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)
async def test_what_the_version_before_handed_over_is_run_by_the_next_start(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.queue(ANALYST, Hang())
    async with open_lab(enrichment_timeout_s=1) as runtime:
        turn_id = (await runtime.investigate(QUESTION))["turn"]["id"]
        ended = await runtime.enrichment(turn_id)
        assert ended is not None
        place: RunnableConfig = {"configurable": {"thread_id": ended["thread_id"] or ""}}
        await runtime.graph.aupdate_state(place, {"enrichment": None}, "respond")
    # That version knew no queue and fewer fields.
    async with open_lab(enrichment=False) as runtime:
        old = {"status": "pending", "turn_id": turn_id, "thread_id": ended["thread_id"]}
        await runtime.storage.store.aput(("receipts",), turn_id, old)
    async with open_lab() as runtime:
        ended = await runtime.enrichment(turn_id)
    assert ended is not None
    assert ended["status"] == "stored"
