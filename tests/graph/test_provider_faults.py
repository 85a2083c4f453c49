"""Whatever the model provider does, a turn ends with an answer, and the wire sees few requests."""

import json
from typing import Any

from graph.runtime import Runtime
from graph.state import Investigation
from lab.estate import KEY
from lab.faults import Hang, Raw, Reset, Status
from lab.minimax import ErrorIn200, Fault, MiniMaxDouble, Reply, calling
from tests.conftest import OpenRuntime

ORCHESTRATOR = "MiniMax-M3"
QUESTION = "checkout-service is slow since half an hour. What is wrong?"
REQUESTS_OF_A_GOOD_TURN = 5
RUN = "8f6f3c5e-6d3c-4c4c-9d51-3c2f0a1b2c3d"


def cause(state: Investigation) -> str | None:
    report = state["report"]
    return report["root_cause"]["component"] if report else None


def answer(state: Investigation) -> str:
    return state["messages"][-1].text


async def test_two_429_and_then_an_answer_cost_two_more_requests(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    limited = Status(429, "rate limit (1002)", {"Retry-After": "0"})
    provider.queue(ORCHESTRATOR, limited, limited)
    state = await runtime.investigate(QUESTION)
    assert cause(state) == "pricing-service"
    assert len(provider.of(ORCHESTRATOR)) == REQUESTS_OF_A_GOOD_TURN + 2


async def test_a_retry_after_beyond_the_limit_ends_the_attempts(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.always(ORCHESTRATOR, Status(429, "rate limit (1002)", {"Retry-After": "3600"}))
    state = await runtime.investigate(QUESTION)
    assert "rate_limit (1 attempt)" in answer(state)
    assert len(provider.of(ORCHESTRATOR)) == 1


async def test_a_500_for_ever_ends_after_the_set_attempts(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.always(ORCHESTRATOR, Status(500, "internal error"))
    async with open_lab(model_attempts=3) as runtime:
        state = await runtime.investigate(QUESTION)
    assert "provider (3 attempts)" in answer(state)
    assert state["report"] is None
    assert len(provider.of(ORCHESTRATOR)) == 3


async def test_a_provider_that_dies_midway_leaves_the_evidence_in_the_answer(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    answer_once = provider.policy

    def answer_and_die(body: dict[str, Any]) -> dict[str, Any]:
        provider.always(ORCHESTRATOR, Status(503, "overloaded"))
        return answer_once(body)

    provider.policy = answer_and_die
    async with open_lab(model_attempts=2) as runtime:
        state = await runtime.investigate(QUESTION, run_id=RUN, thread_id="t")
    assert "503" in answer(state) or "overloaded" in answer(state)
    assert "E1 find_services(query='checkout-service'): ok" in answer(state)
    assert state["evidence"][0]["id"] == "E1"
    assert len(provider.of(ORCHESTRATOR)) == 1 + 2


async def test_a_hang_ends_at_the_time_limit_and_the_sockets_are_closed(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.always(ORCHESTRATOR, Hang())
    async with open_lab(model_attempts=2, model_timeout_s=1.5) as runtime:
        state = await runtime.investigate(QUESTION)
    assert "timeout (2 attempts)" in answer(state)
    seen = provider.of(ORCHESTRATOR)
    assert len(seen) == 2
    for request in seen:
        await request.closed_by_client.wait()


async def test_a_reset_in_the_middle_of_an_answer_is_tried_again(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, Reset())
    state = await runtime.investigate(QUESTION)
    assert cause(state) == "pricing-service"
    assert len(provider.of(ORCHESTRATOR)) == REQUESTS_OF_A_GOOD_TURN + 1


async def test_resets_for_ever_end_with_what_failed(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.always(ORCHESTRATOR, Reset())
    async with open_lab(model_attempts=2) as runtime:
        state = await runtime.investigate(QUESTION)
    assert "connection (2 attempts)" in answer(state)
    assert len(provider.of(ORCHESTRATOR)) == 2


async def test_a_body_that_is_not_json_is_a_failed_attempt(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.always(ORCHESTRATOR, Raw("<html>bad gateway</html>"))
    async with open_lab(model_attempts=2) as runtime:
        state = await runtime.investigate(QUESTION)
    assert "connection (2 attempts)" in answer(state)
    assert len(provider.of(ORCHESTRATOR)) == 2


async def test_refusals_are_never_tried_again(runtime: Runtime, provider: MiniMaxDouble) -> None:
    refusals: list[tuple[Fault, str]] = [
        (Status(401, f"login fail: {KEY} is not known (1004)"), "authentication"),
        (Status(402, "insufficient balance (1008)"), "balance"),
        (Status(400, "invalid params (2013)"), "request"),
        (ErrorIn200(1004, "login fail"), "authentication"),
        (ErrorIn200(1008, "insufficient balance"), "balance"),
        (ErrorIn200(2013, "invalid params"), "request"),
    ]
    for sent, (fault, kind) in enumerate(refusals, start=1):
        provider.queue(ORCHESTRATOR, fault)
        state = await runtime.investigate(QUESTION)
        assert f"{kind} (1 attempt)" in answer(state)
        assert KEY not in json.dumps([answer(state), state["failure"], state["exchanges"]])
        assert len(provider.of(ORCHESTRATOR)) == sent


async def test_a_rate_limit_inside_a_200_is_tried_again(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, ErrorIn200(1002, "rate limit"))
    state = await runtime.investigate(QUESTION)
    assert cause(state) == "pricing-service"
    assert len(provider.of(ORCHESTRATOR)) == REQUESTS_OF_A_GOOD_TURN + 1


async def test_malformed_arguments_are_answered_and_the_turn_goes_on(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    cut, listed = '{"name": "checkout-', '["checkout-service"]'
    provider.queue(ORCHESTRATOR, calling(("get_topology", cut), ("get_topology", listed)))
    state = await runtime.investigate(QUESTION)
    assert cause(state) == "pricing-service"
    results = {m.tool_call_id: m.text for m in state["messages"] if m.type == "tool"}
    assert "is not valid JSON" in results["call_1"]
    assert "is not a JSON object" in results["call_2"]
    assert len(provider.of(ORCHESTRATOR)) == REQUESTS_OF_A_GOOD_TURN + 1


async def test_a_tool_call_as_xml_in_the_text_is_run(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    text = (
        '<minimax:tool_call><invoke name="get_topology">'
        '<parameter name="name">checkout-service</parameter>'
        '<parameter name="depth">3</parameter></invoke></minimax:tool_call>'
    )
    provider.queue(ORCHESTRATOR, Reply({"content": text}))
    state = await runtime.investigate(QUESTION)
    assert cause(state) == "pricing-service"
    assert state["evidence"][0]["args"] == {"name": "checkout-service", "depth": 3}
    assert state["evidence"][0]["status"] == "ok"
    assert len(provider.of(ORCHESTRATOR)) <= REQUESTS_OF_A_GOOD_TURN + 1


async def test_one_empty_answer_gets_one_nudge(runtime: Runtime, provider: MiniMaxDouble) -> None:
    provider.queue(ORCHESTRATOR, Reply({"content": "\n"}))
    state = await runtime.investigate(QUESTION)
    assert cause(state) == "pricing-service"
    asked = provider.of(ORCHESTRATOR)
    assert len(asked) == REQUESTS_OF_A_GOOD_TURN + 1
    # What the empty answer used is counted too.
    used = sum(len(json.dumps(seen.body["messages"])) // 4 for seen in asked)
    assert state["spent"]["input_tokens"] == used


async def test_empty_answers_for_ever_are_said_out_loud(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.always(ORCHESTRATOR, Reply({"content": "<think>hm</think>"}))
    state = await runtime.investigate(QUESTION)
    assert "empty (2 attempts)" in answer(state)
    assert len(provider.of(ORCHESTRATOR)) == 2


async def test_thinking_before_a_plain_answer_does_not_reach_the_caller(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, Reply({"content": "secret doubts</think>\nAll is well."}))
    state = await runtime.investigate("How is checkout-service?")
    assert answer(state) == "All is well."


async def test_an_answer_cut_at_the_output_limit_says_so(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, Reply({"content": "It depends on"}, finish_reason="length"))
    state = await runtime.investigate("How is checkout-service?")
    assert answer(state).startswith("It depends on")
    assert "cut at its output limit" in answer(state)
