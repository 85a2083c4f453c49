"""The traces: a collector gets a span for each turn, call and enrichment, and no text."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from graph.runtime import Runtime, open_runtime
from lab.faults import Status
from lab.minimax import MiniMaxDouble, Reply, calling
from server import traces
from server.traces import open_traces
from tests.conftest import MakeSettings
from tests.server.collector import Collector, collecting, plain
from tests.server.test_stop import served

ORCHESTRATOR, ANALYST = "MiniMax-M3", "MiniMax-M2.5"
QUESTION = "checkout-service is slow since half an hour. What is wrong?"


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as double:
        yield double


@asynccontextmanager
async def traced(
    make: MakeSettings, collector: Collector, **overrides: object
) -> AsyncIterator[Runtime]:
    """A runtime whose spans have all arrived at its end."""
    async with (
        open_traces(collector.url) as sending,
        open_runtime(make(**overrides), observe=[sending]) as runtime,
    ):
        yield runtime


async def test_a_turn_is_a_trace_and_its_enrichment_another_that_links_to_it(
    lab_settings: MakeSettings, provider: MiniMaxDouble, collector: Collector
) -> None:
    async with traced(lab_settings, collector) as runtime:
        turn = (await runtime.investigate(QUESTION))["turn"]
        receipt = await runtime.enrichment(turn["id"])
    assert receipt is not None
    [root] = [span for span in collector.spans if span.name == "invoke_agent netforge"]
    [study] = collector.named("invoke_agent netforge-analyst")
    assert root.trace_id == UUID(turn["id"]).bytes
    assert [(link.trace_id, link.span_id) for link in study.links] == [
        (root.trace_id, root.span_id)
    ]
    assert study.trace_id != root.trace_id
    inside = [span for span in collector.spans if span.trace_id == root.trace_id]
    chats = collector.named(f"chat {ORCHESTRATOR}")
    assert len(chats) == len(provider.of(ORCHESTRATOR))
    [studied] = collector.named(f"chat {ANALYST}")
    assert (studied.trace_id, studied.parent_span_id) == (study.trace_id, study.span_id)
    tools = collector.named("execute_tool ")
    assert len(tools) == len(inside) - len(chats) - 1 > 0
    assert {span.parent_span_id for span in (*chats, *tools)} == {root.span_id}
    assert not root.parent_span_id
    assert all(
        root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        for span in inside
    )
    assert collector.services == {"netforge"}
    assert set(collector.paths) == {"/v1/traces"}


async def test_spans_say_what_the_conventions_ask_and_hold_no_text(
    lab_settings: MakeSettings, provider: MiniMaxDouble, collector: Collector
) -> None:
    looks = calling(("find_services", {"query": "cart"}), ("find_services", {"colour": "red"}))
    provider.queue(ORCHESTRATOR, looks, Reply({"content": "It is teal-7741."}))
    async with traced(lab_settings, collector, enrichment=False) as runtime:
        state = await runtime.investigate("Is marker-8852 slow?")
    spent = state["spent"]
    [root] = collector.named("invoke_agent")
    assert plain(root) == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "netforge",
        "gen_ai.conversation.id": state["turn"]["thread_id"],
        "gen_ai.usage.input_tokens": spent["input_tokens"],
        "gen_ai.usage.output_tokens": spent["output_tokens"],
        "netforge.run.id": state["turn"]["id"],
        "netforge.run.status": "done",
        "netforge.run.origin": "code",
    }
    chats = [plain(span) for span in collector.named("chat")]
    for chat in chats:
        assert chat["gen_ai.operation.name"] == "chat"
        assert chat["gen_ai.provider.name"] == "minimax"
        assert chat["gen_ai.request.model"] == ORCHESTRATOR
    for direction in ("input", "output"):
        name = f"gen_ai.usage.{direction}_tokens"
        assert sum(int(chat[name]) for chat in chats) == plain(root)[name] != 0
    tools = sorted(collector.named("execute_tool find_services"), key=lambda span: span.status.code)
    assert [plain(span)["netforge.tool.status"] for span in tools] == ["ok", "error"]
    assert [plain(span).get("error.type") for span in tools] == [None, "_OTHER"]
    assert [plain(span)["gen_ai.tool.name"] for span in tools] == ["find_services"] * 2
    sent = b"".join(collector.bodies)
    assert b"find_services" in sent
    for text in (b"marker-8852", b"teal-7741", b"colour", b"cart"):
        assert text not in sent


async def test_what_fails_is_an_error_with_its_kind(
    lab_settings: MakeSettings, provider: MiniMaxDouble, collector: Collector
) -> None:
    provider.always(ORCHESTRATOR, Status(402, "insufficient balance (1008)"))
    async with traced(lab_settings, collector) as runtime:
        await runtime.investigate(QUESTION)
    spans = {span.name: span for span in collector.spans}
    assert set(spans) == {"invoke_agent netforge", f"chat {ORCHESTRATOR}"}
    assert plain(spans[f"chat {ORCHESTRATOR}"])["error.type"] == "balance"
    assert plain(spans["invoke_agent netforge"])["error.type"] == "failed"
    assert {span.status.code for span in collector.spans} == {2}
    assert b"insufficient" not in b"".join(collector.bodies)


async def test_a_collector_that_hangs_delays_no_answer_and_not_the_end_for_long(
    lab_settings: MakeSettings, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traces, "SEND_EVERY_MS", 1)
    monkeypatch.setattr(traces, "SEND_LIMIT_S", 1.0)
    monkeypatch.setattr(traces, "END_LIMIT_S", 0.5)
    collector.hangs = True
    slowest_s = 0.0

    async def beat() -> None:
        nonlocal slowest_s
        while True:
            before_s = time.perf_counter()
            await asyncio.sleep(0.01)
            slowest_s = max(slowest_s, time.perf_counter() - before_s)

    async with open_traces(collector.url) as sending:
        async with open_runtime(lab_settings(enrichment=False), observe=[sending]) as runtime:
            beating = asyncio.create_task(beat())
            await runtime.investigate(QUESTION)
            beating.cancel()
        began_s = time.perf_counter()
    ended_s = time.perf_counter() - began_s
    assert collector.bodies
    assert ended_s < 4
    assert slowest_s < 0.9


async def test_a_collector_that_is_not_there_is_said_and_breaks_nothing(
    lab_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as taken:
        # Bound and not listening: nobody else gets the port, and connections are refused.
        taken.bind(("127.0.0.1", 0))
        async with (
            open_traces(f"http://127.0.0.1:{taken.getsockname()[1]}") as sending,
            open_runtime(lab_settings(enrichment=False), observe=[sending]) as runtime,
        ):
            state = await runtime.investigate(QUESTION)
    assert state["report"] is not None
    assert "exporting spans batch" in caplog.text or "export spans batch" in caplog.text


@pytest.mark.parametrize("wanted", [True, False], ids=["with the setting", "without it"])
async def test_a_process_sends_traces_where_the_setting_is_there(
    lab_settings: MakeSettings, provider: MiniMaxDouble, collector: Collector, wanted: bool
) -> None:
    settings = lab_settings()
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url} if wanted else {}
    # The exporter's own variable does not switch it on.
    variables |= {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces"}
    async with served(settings, **variables) as server:
        answer = await server.client.post("/v1/investigations", json={"question": QUESTION})
        assert answer.status_code == 200
        await provider.wait_for(ANALYST, 1)
        server.process.terminate()
        code, _ = await server.ended()
    assert code == 0
    assert len(collector.named("invoke_agent netforge")) == (2 if wanted else 0)
    assert bool(collector.bodies) is wanted
