"""When the copy of insights fails, that is said, and nothing else changes; nor does it when not."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from graph.memory import projection
from graph.runtime import Runtime, open_runtime
from graph.settings import Settings
from lab.bolt import READER, WRITER, BoltServer
from lab.estate import LabSettings
from lab.incident import load
from replay.running.rerun import rerun
from tests.conftest import SCRATCH, MakeSettings
from tests.graph.memory.bolt_relay import BoltRelay, bolt_relay
from tests.graph.memory.copies import Copy
from tests.replay.conftest import recorded

QUESTION = "checkout-service is slow since half an hour. What is wrong?"
LIMIT_S = 1.0
FAILS = {
    "wrong password": "Authentication failed",
    "may only read": "not allowed",
    "hangs": f"no answer in {LIMIT_S:g} s",
    "is away": "",
}


@pytest.fixture
async def copy(server: BoltServer) -> Copy:
    """The default incident's estate, in a database that a test may fill as it likes."""
    await server.load(load("bad-deploy").topology, SCRATCH)
    return Copy(server, SCRATCH)


@pytest.fixture
async def relay(server: BoltServer) -> AsyncIterator[BoltRelay]:
    async with bolt_relay(server.uri) as between:
        yield between


@pytest.fixture
def settings(lab_settings: MakeSettings, relay: BoltRelay) -> MakeSettings:
    def make(**overrides: Any) -> LabSettings:
        return lab_settings(neo4j_uri=relay.uri, neo4j_database=SCRATCH, **overrides)

    return make


@pytest.fixture
def writer(server: BoltServer) -> dict[str, Any]:
    return {"memory_neo4j_user": WRITER, "memory_neo4j_password": server.writer_password}


@pytest.fixture
def failing(
    how: str, writer: dict[str, Any], server: BoltServer, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Settings of a writer for whom it fails so."""
    monkeypatch.setattr(projection, "LIMIT_S", LIMIT_S)
    if how == "wrong password":
        return {**writer, "memory_neo4j_password": "do-not-show-me"}
    if how == "may only read":
        return {"memory_neo4j_user": READER, "memory_neo4j_password": server.reader_password}
    return writer


async def turn(runtime: Runtime) -> tuple[str, list[dict[str, Any]]]:
    """One investigation with its enrichment: its id, and the insights that memory holds then."""
    state = await runtime.investigate(QUESTION)
    assert state["report"] is not None
    assert not [flag for flag in state["report"]["flags"] if "not looked at" not in flag]
    receipt = await runtime.enrichment(state["turn"]["id"])
    assert receipt is not None
    assert (receipt["status"], receipt["reason"]) == ("stored", None)
    assert (receipt["insights"], receipt["patterns"]) == (1, 1)
    items = await runtime.memory.items()
    return state["turn"]["id"], [item for item in items if item["kind"] == "insights"]


def warned(caplog: pytest.LogCaptureFixture, settings: Settings) -> list[str]:
    """What we warned of, line by line; no line of anybody holds a secret."""
    loud = [record for record in caplog.records if record.levelno >= logging.WARNING]
    # The driver has words of its own, about each connection.
    said = [record.getMessage() for record in loud if not record.name.startswith("neo4j.")]
    values = [getattr(settings, name) for name in type(settings).model_fields]
    secrets = [one.get_secret_value() for one in values if isinstance(one, SecretStr)]
    assert not [secret for secret in secrets if secret in caplog.text]
    assert all(len(line.splitlines()) == 1 for line in said)
    return said


async def test_a_turn_leaves_its_insight_in_the_graph_written_by_the_writer_alone(
    copy: Copy, settings: MakeSettings, relay: BoltRelay, writer: dict[str, Any]
) -> None:
    async with open_runtime(settings(**writer)) as runtime:
        run_id, [insight] = await turn(runtime)
    [node] = await copy.insights()
    assert (node["id"], node["turn_id"]) == (insight["id"], run_id)
    assert await copy.edges() == sorted((node["title"], name) for name in insight["components"])
    assert relay.users == {"copy": {WRITER}, "others": {READER}}


async def test_without_a_writer_nothing_is_written_and_nobody_else_logs_in(
    copy: Copy, settings: MakeSettings, relay: BoltRelay
) -> None:
    async with open_runtime(settings()) as runtime:
        await turn(runtime)
    assert await copy.insights() == []
    assert relay.users == {"copy": set(), "others": {READER}}


@pytest.mark.parametrize("how", FAILS)
async def test_a_copy_that_fails_is_said_and_turn_receipt_and_memory_are_as_always(
    how: str,
    copy: Copy,
    settings: MakeSettings,
    relay: BoltRelay,
    failing: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    fault: Any = how
    relay.fault = fault
    chosen = settings(**failing)
    async with open_runtime(chosen) as runtime:
        _, insights = await turn(runtime)
    assert len(insights) == 1
    assert await copy.insights() == []
    lines = warned(caplog, chosen)
    [line] = [line for line in lines if line.startswith("1 insights were not copied to bolt://")]
    assert FAILS[how] in line
    assert line.endswith("`python -m graph.memory copy` copies all of them when that is mended")
    # At the start already, where it can be known then.
    at_start = [line for line in lines if line.startswith("insights cannot be copied to bolt://")]
    assert len(at_start) == (how != "may only read")
    assert len(lines) == 1 + len(at_start)


async def test_a_graph_that_hangs_keeps_no_enrichment_waiting_until_its_guard_ends_it(
    copy: Copy,
    settings: MakeSettings,
    relay: BoltRelay,
    writer: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    relay.fault = "hangs"
    monkeypatch.setattr(projection, "LIMIT_S", 60.0)
    chosen = settings(**writer, enrichment_timeout_s=10)
    async with open_runtime(chosen) as runtime:
        await turn(runtime)
        assert warned(caplog, chosen) == []
        # For the end of the process alone: what is under way keeps its own limit.
        monkeypatch.setattr(projection, "LIMIT_S", 0.1)
    assert await copy.insights() == []
    [line] = warned(caplog, chosen)
    assert line.startswith("not all insights were copied before the end; `python -m graph.memory")


async def test_after_a_failure_the_next_change_is_copied(
    copy: Copy,
    settings: MakeSettings,
    relay: BoltRelay,
    writer: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_runtime(settings(**writer)) as runtime:
        relay.fault = "is away"
        _, [insight] = await turn(runtime)
        async with asyncio.timeout(30):
            while "were not copied" not in caplog.text:
                await runtime.receipts.get("nobody")
        relay.fault = None
        await runtime.memory.mark(insight["id"], "acknowledged", "ada")
    assert [node["status"] for node in await copy.insights()] == ["acknowledged"]


async def test_a_rerun_of_the_turn_is_the_same_and_copies_nothing(
    copy: Copy, settings: MakeSettings, relay: BoltRelay, writer: dict[str, Any]
) -> None:
    async with open_runtime(settings(**writer)) as runtime:
        run_id, _ = await turn(runtime)
        recording = await recorded(runtime, run_id)
    assert len(await copy.insights()) == 1
    await copy.run("MATCH (i:Insight) DETACH DELETE i")
    relay.heard.clear()
    verdict, _ = await rerun(recording)
    assert verdict.same
    assert await copy.insights() == []
    assert relay.heard == []
