"""Runs in which a model or a source failed or was slow are rerun to the same, at once."""

from typing import Any

import pytest

from graph.runtime import Runtime
from graph.state import Exchange, Investigation
from lab.bolt import BoltServer
from lab.datadog import DatadogDouble
from lab.faults import Fault, Hang, Raw, Reset, Status
from lab.minimax import ErrorIn200, MiniMaxDouble, Reply, calling
from lab.relay import relay
from replay.recording import Recording
from tests.conftest import OpenRuntime
from tests.replay.alone import Alone
from tests.replay.conftest import recorded

ORCHESTRATOR = "MiniMax-M3"
QUESTION = "Is cart-service slow?"
MODEL_TIMEOUT_S = 2.5
LOOKS = calling(
    ("find_services", {"query": "cart"}),
    ("search_monitors", {"status": ["OK", "Alert", "Warn", "No Data"]}),
    ("aws_alarms", {"state": "ANY"}),
    ("list_changes", {}),
)
LOOK = calling(("find_services", {"query": "cart"}))
SEEN = Reply({"content": "Seen [E1]."})
LIMITED = Status(429, "rate limit (1002)", {"Retry-After": "0.15"})
Source = dict[str, Any]


def model_calls(recording: Recording) -> list[Exchange]:
    return [entry for _, entry in recording.exchanges() if entry["name"] == "orchestrator"]


async def asked(runtime: Runtime) -> tuple[Investigation, Recording]:
    state = await runtime.investigate(QUESTION)
    return state, await recorded(runtime, state["turn"]["id"])


async def test_a_model_that_answers_at_its_fourth_attempt(
    open_lab: OpenRuntime, provider: MiniMaxDouble, alone: Alone
) -> None:
    provider.queue(ORCHESTRATOR, LIMITED, Status(503, "overloaded"), Reset(), LOOK, LIMITED, SEEN)
    async with open_lab(model_attempts=4) as runtime:
        _, recording = await asked(runtime)
    first, second = model_calls(recording)
    failed = [attempt["kind"] for attempt in first["measured"]["attempts"]]
    assert failed == ["rate_limit", "provider", "connection"]
    assert all(attempt["error"] for attempt in first["measured"]["attempts"])
    assert [attempt["kind"] for attempt in second["measured"]["attempts"]] == ["rate_limit"]
    # What was waited for is in the recording alone: the clock of these reruns stands still.
    assert first["seconds"] > 0.15
    await alone.shows_the_same(recording)


FOR_GOOD: dict[str, tuple[Fault | ErrorIn200 | Reply, str]] = {
    "a wrong key": (Status(401, "login fail"), "authentication (1 attempt)"),
    "an empty account in a 200": (ErrorIn200(1008, "insufficient balance"), "balance (1 attempt)"),
    "a 500 for ever": (Status(500, "internal error"), "provider (2 attempts)"),
    "no JSON": (Raw("<html>bad gateway</html>"), "connection (2 attempts)"),
    "a hang": (Hang(), "timeout (2 attempts)"),
    "emptiness": (Reply({"content": "<think>hm</think>"}), "empty (2 attempts)"),
    "a limit for an hour": (
        Status(429, "rate limit", {"Retry-After": "3600"}),
        "rate_limit (1 attempt)",
    ),
}


@pytest.mark.parametrize(
    ("database", "fault"),
    [
        *(("sqlite", fault) for fault in FOR_GOOD),
        ("postgres", "a wrong key"),
        ("postgres", "a hang"),
    ],
    indirect=["database"],
)
async def test_a_model_that_fails_for_good_with(
    fault: str, open_lab: OpenRuntime, provider: MiniMaxDouble, alone: Alone
) -> None:
    given, said = FOR_GOOD[fault]
    provider.queue(ORCHESTRATOR, LOOK)
    provider.always(ORCHESTRATOR, given)
    async with open_lab(model_attempts=2, model_timeout_s=MODEL_TIMEOUT_S) as runtime:
        state, recording = await asked(runtime)
    answer = state["messages"][-1].text
    assert said in answer
    assert "E1 find_services(query='cart'): ok" in answer
    assert recording.run["status"] == "failed"
    [turn] = recording.segments
    assert turn.exchanges[-2]["name"] == "skip"
    await alone.shows_the_same(recording)


@pytest.mark.parametrize(
    "fault",
    [Status(500, "Internal error"), Status(429, "Too many", {"X-Ratelimit-Reset": "40"}), Hang()],
    ids=["500", "429", "hang"],
)
async def test_a_source_that_fails_beside_others(
    fault: Fault,
    open_lab: OpenRuntime,
    provider: MiniMaxDouble,
    datadog_double: DatadogDouble,
    reach: Source,
    alone: Alone,
) -> None:
    datadog_double.always(fault)
    provider.queue(ORCHESTRATOR, LOOKS, SEEN)
    async with open_lab(**reach, tool_timeout_s=1.5) as runtime:
        state, recording = await asked(runtime)
    assert state["evidence"][1]["status"] == "error"
    assert "datadog" in state["evidence"][3]["unanswered"]
    await alone.shows_the_same(recording)


async def test_a_tool_that_is_ended_at_its_limit(
    open_lab: OpenRuntime, server: BoltServer, provider: MiniMaxDouble, alone: Alone
) -> None:
    port = int(server.uri.rpartition(":")[2])
    provider.queue(ORCHESTRATOR, LOOK, SEEN)
    async with (
        relay("127.0.0.1", port) as between,
        open_lab(tool_timeout_s=1, neo4j_uri=f"bolt://127.0.0.1:{between.port}") as runtime,
    ):
        between.delay_s = 60
        state, recording = await asked(runtime)
        between.cut()
    [entry] = state["evidence"]
    assert (entry["status"], entry["source"]) == ("error", "neo4j")
    assert (entry["error"] or "").startswith("no answer in ")
    [call] = [entry for _, entry in recording.exchanges() if entry["kind"] == "tool"]
    assert call["seconds"] > 0.5
    await alone.shows_the_same(recording)


async def test_a_source_that_has_gone_away(
    open_lab: OpenRuntime, server: BoltServer, provider: MiniMaxDouble, alone: Alone
) -> None:
    port = int(server.uri.rpartition(":")[2])
    provider.queue(ORCHESTRATOR, LOOK, SEEN)
    async with (
        relay("127.0.0.1", port) as between,
        open_lab(neo4j_uri=f"bolt://127.0.0.1:{between.port}") as runtime,
    ):
        between.cut()
        state, recording = await asked(runtime)
    assert [entry["status"] for entry in state["evidence"]] == ["error"]
    await alone.shows_the_same(recording)
