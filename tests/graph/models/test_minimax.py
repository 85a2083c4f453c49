"""The wire to MiniMax, seen from the port: each known defect of the libraries put right."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from pydantic import SecretStr

from graph.models.calls import open_models
from graph.models.failure import ModelFailure
from graph.models.port import ModelPort
from lab.estate import KEY, LabSettings
from lab.faults import Hang, Trickle
from lab.minimax import MiniMaxDouble, Reply, calling

ROOT = Path(__file__).parents[3]
MODEL = "MiniMax-M3"
FIND = {
    "type": "function",
    "function": {
        "name": "find",
        "description": "Find it.",
        "parameters": {"type": "object", "properties": {"text": {"type": "string"}}},
    },
}
THOUGHT = {
    "type": "reasoning.text",
    "id": "reasoning-text-1",
    "format": "MiniMax-response-v1",
    "index": 0,
    "text": "Look at cart first.",
}


@pytest.fixture
async def port(provider: MiniMaxDouble) -> AsyncIterator[ModelPort]:
    """The orchestrator's port to the double, with one attempt and two seconds."""
    settings = LabSettings(
        minimax_api_key=SecretStr(KEY),
        minimax_api_base=provider.url,
        model_attempts=1,
        model_timeout_s=2,
    )
    async with open_models(settings) as (orchestrator, _):
        yield orchestrator


async def answered(port: ModelPort, *messages: BaseMessage) -> AIMessage:
    answer = await port("m1", messages or [HumanMessage("What is slow?")], [FIND])
    assert isinstance(answer, AIMessage), answer
    return answer


async def sent_back(port: ModelPort, answer: AIMessage) -> None:
    """Go on in the tool loop: every call is answered, and the model asked again."""
    results = [ToolMessage("ok", tool_call_id=call["id"]) for call in answer.tool_calls]
    await answered(port, HumanMessage("What is slow?"), answer, *results)


async def test_separate_thinking_goes_back_with_the_calls_it_led_to(
    port: ModelPort, provider: MiniMaxDouble
) -> None:
    reply = calling(("find", {}))
    reply.message.update(reasoning_content=THOUGHT["text"], reasoning_details=[THOUGHT])
    provider.queue(MODEL, reply, Reply({"content": "cart"}))
    await sent_back(port, await answered(port))
    assistant = provider.of(MODEL)[1].body["messages"][1]
    assert assistant["reasoning_details"] == [THOUGHT]
    assert "reasoning_content" not in assistant


async def test_thinking_in_the_text_goes_back_in_the_text(
    port: ModelPort, provider: MiniMaxDouble
) -> None:
    text = "<think>Look at cart first.</think>\nOne moment."
    provider.queue(MODEL, calling(("find", {}), content=text), Reply({"content": "cart"}))
    answer = await answered(port)
    assert answer.text.strip() == "One moment."
    await sent_back(port, answer)
    content = provider.of(MODEL)[1].body["messages"][1]["content"]
    assert content == "<think>Look at cart first.</think>\n\nOne moment."


async def test_an_answer_read_back_from_a_checkpoint_equals_what_was_written(
    port: ModelPort, provider: MiniMaxDouble
) -> None:
    reply = calling(("find", {"text": "cart"}), ("find", "{"), content="One moment.")
    reply.message.update(reasoning_details=[THOUGHT])
    provider.queue(MODEL, reply)
    answer = await answered(port)
    serializer = JsonPlusSerializer(allowed_msgpack_modules=None)
    read_back = serializer.loads_typed(serializer.dumps_typed(answer))
    assert read_back == answer
    assert json.loads(json.dumps(answer.model_dump())) == answer.model_dump()


async def test_malformed_calls_keep_their_place_and_can_be_answered(
    port: ModelPort, provider: MiniMaxDouble
) -> None:
    arguments = ['{"text": "a"}', '{"text": "b', "[1]", "", '{"text": "e"}']
    reply = calling(*(("find", text) for text in arguments))
    provider.queue(MODEL, reply, Reply({"content": "cart"}))
    answer = await answered(port)
    assert [(found["id"], found["args"]) for found in answer.tool_calls] == [
        ("call_1", {"text": "a"}),
        ("call_2", {}),
        ("call_3", {}),
        ("call_4", {}),
        ("call_5", {"text": "e"}),
    ]
    assert [(found["id"], found["args"]) for found in answer.invalid_tool_calls] == [
        ("call_2", '{"text": "b'),
        ("call_3", "[1]"),
    ]
    await sent_back(port, answer)
    sent = provider.of(MODEL)[1].body["messages"][1]["tool_calls"]
    assert [found["id"] for found in sent] == [f"call_{number}" for number in range(1, 6)]
    assert sent[1]["function"]["arguments"] == "{}"


@pytest.mark.parametrize("number", ["18446744073709551616", "-" + "9" * 40])
async def test_a_number_that_no_checkpoint_holds_makes_a_malformed_call(
    port: ModelPort, provider: MiniMaxDouble, number: str
) -> None:
    provider.queue(MODEL, calling(("find", f'{{"limit": {number}}}')))
    answer = await answered(port)
    assert answer.tool_calls[0]["args"] == {}
    assert "more than 64 bits" in (answer.invalid_tool_calls[0]["error"] or "")


async def test_what_breaks_the_library_is_a_failure_without_its_traceback(
    port: ModelPort, provider: MiniMaxDouble
) -> None:
    provider.queue(MODEL, calling(("find", '{"text": ' + "[" * 100_000)))
    answer = await port("m1", [HumanMessage("What is slow?")], [FIND])
    assert isinstance(answer, ModelFailure)
    assert "Traceback" not in answer.message


async def test_calls_of_one_id_can_both_be_answered(
    port: ModelPort, provider: MiniMaxDouble
) -> None:
    reply = calling(("find", {"text": "a"}), ("find", {"text": "b"}))
    reply.message["tool_calls"][1]["id"] = "call_1"
    provider.queue(MODEL, reply, Reply({"content": "cart"}))
    answer = await answered(port)
    assert len({call["id"] for call in answer.tool_calls}) == 2
    await sent_back(port, answer)


async def test_a_request_carries_the_key_and_no_parameter_that_minimax_refuses(
    port: ModelPort, provider: MiniMaxDouble
) -> None:
    await answered(port)
    seen = provider.of(MODEL)[0]
    assert seen.authorization == f"Bearer {KEY}"
    assert set(seen.body) == {"model", "messages", "tools", "reasoning_split", "stream"}
    assert (seen.body["reasoning_split"], seen.body["stream"]) == (True, False)


async def test_usage_is_counted_and_priced(port: ModelPort, provider: MiniMaxDouble) -> None:
    provider.queue(MODEL, Reply({"content": "cart"}))
    answer = await answered(port)
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["input_tokens"] > 0
    assert answer.response_metadata["response_cost"] > 0


async def test_an_answer_that_trickles_ends_at_the_total_limit(
    port: ModelPort, provider: MiniMaxDouble
) -> None:
    provider.queue(MODEL, Trickle())
    answer = await port("m1", [HumanMessage("What is slow?")])
    assert isinstance(answer, ModelFailure)
    assert answer.kind == "timeout"
    await provider.of(MODEL)[0].closed_by_client.wait()


async def test_a_cancelled_call_closes_its_socket(port: ModelPort, provider: MiniMaxDouble) -> None:
    provider.queue(MODEL, Hang())
    asking = asyncio.create_task(port("m1", [HumanMessage("What is slow?")]))
    request = await provider.wait_for(MODEL, 1)
    asking.cancel()
    await request.closed_by_client.wait()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_fifty_calls_at_once_all_get_their_own_answer(
    port: ModelPort, provider: MiniMaxDouble
) -> None:
    provider.policy = lambda body: {"content": f"about {body['messages'][0]['content']}"}
    answers = await asyncio.gather(
        *(answered(port, HumanMessage(f"service {number}")) for number in range(50))
    )
    assert [answer.text for answer in answers] == [f"about service {n}" for n in range(50)]


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def test_litellm_is_not_imported_with_the_graph_or_the_server() -> None:
    code = "import sys, graph.runtime, server.app, server.__main__; print('litellm' in sys.modules)"
    assert python(code) == "False"


def test_opening_the_models_looks_nothing_up_and_connects_nowhere() -> None:
    code = """
import asyncio, sys
seen = set()
sys.addaudithook(lambda event, _: seen.add(event))
from graph.models.calls import open_models
from graph.settings import Settings
async def main():
    async with open_models(Settings(minimax_api_key="k", _env_file=None)):
        pass
asyncio.run(main())
print(sorted(seen & {"socket.getaddrinfo", "socket.gethostbyname", "socket.connect"}))
"""
    assert python(code) == "[]"
