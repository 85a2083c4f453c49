"""Tool calls, thinking and nothing at all in the text of a MiniMax answer."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, ToolCall

from graph.models.recovery import is_empty, recovered, without_thinking


def tool(name: str, **properties: str) -> dict[str, Any]:
    types = {key: {"type": kind} for key, kind in properties.items()}
    parameters = {"type": "object", "properties": types}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = [
    tool("find", text="string", limit="integer", deep="boolean", share="number"),
    tool("conclude", root_cause="object", evidence="array"),
]


def block(*invocations: str) -> str:
    return f"<minimax:tool_call>\n{''.join(invocations)}\n</minimax:tool_call>"


def invoke(name: str, **parameters: str) -> str:
    inner = "\n".join(
        f'<parameter name="{key}">{value}</parameter>' for key, value in parameters.items()
    )
    return f'<invoke name="{name}">\n{inner}\n</invoke>\n'


def calls_in(text: str) -> list[tuple[str, dict[str, Any]]]:
    return [(call["name"], call["args"]) for call in recovered(AIMessage(text), TOOLS).tool_calls]


def test_one_call_in_the_text_becomes_a_call() -> None:
    text = f"Let me look.\n{block(invoke('find', text='cart'))}"
    message = recovered(AIMessage(text, id="m1"), TOOLS)
    assert [(call["name"], call["args"]) for call in message.tool_calls] == [
        ("find", {"text": "cart"})
    ]
    assert message.content == "Let me look."
    assert message.id == "m1"


def test_two_calls_in_one_block_keep_their_order_and_get_their_own_ids() -> None:
    text = block(invoke("find", text="cart"), invoke("find", text="orders"))
    message = recovered(AIMessage(text), TOOLS)
    assert [call["args"]["text"] for call in message.tool_calls] == ["cart", "orders"]
    assert len({call["id"] for call in message.tool_calls}) == 2
    assert all(call["id"] for call in message.tool_calls)
    assert message.content == ""


def test_two_blocks_are_two_calls() -> None:
    text = f"{block(invoke('find', text='a'))}\nand\n{block(invoke('conclude', evidence='[]'))}"
    assert calls_in(text) == [("find", {"text": "a"}), ("conclude", {"evidence": []})]
    assert recovered(AIMessage(text), TOOLS).content == "and"


def test_the_same_answer_gets_the_same_ids_and_another_gets_others() -> None:
    first, again, other = (
        recovered(AIMessage(block(invoke("find", text=text))), TOOLS).tool_calls[0]["id"]
        for text in ("cart", "cart", "orders")
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("name", "written", "value"),
    [
        ("limit", "20", 20),
        ("limit", " 20\n", 20),
        ("deep", "true", True),
        ("deep", "false", False),
        ("share", "0.5", 0.5),
        ("text", "cart", "cart"),
        ("text", "42", "42"),
        ("text", "007", "007"),
        ("text", "true", "true"),
        ("text", "null", "null"),
        ("text", '{"a": 1}', '{"a": 1}'),
        ("text", "a < b\nand c > d", "a < b\nand c > d"),
        ("limit", "many", "many"),
    ],
)
def test_an_argument_has_the_type_that_the_schema_says(
    name: str, written: str, value: object
) -> None:
    [(_, args)] = calls_in(block(invoke("find", **{name: written})))
    assert args == {name: value}
    assert type(args[name]) is type(value)


def test_an_object_and_a_list_are_read_as_json() -> None:
    cause = '{"component": "pricing", "explanation": "Its pool is full."}'
    evidence = '[{"id": "E1", "shows": "p99"}]'
    [(_, args)] = calls_in(block(invoke("conclude", root_cause=cause, evidence=evidence)))
    assert args == {
        "root_cause": {"component": "pricing", "explanation": "Its pool is full."},
        "evidence": [{"id": "E1", "shows": "p99"}],
    }


def test_a_call_without_arguments_is_a_call() -> None:
    assert calls_in(block('<invoke name="find"></invoke>')) == [("find", {})]


def test_a_call_of_an_unknown_tool_stays_text() -> None:
    message = AIMessage(f"Try this: {block(invoke('delete_everything', text='x'))}")
    assert recovered(message, TOOLS) == message


def test_an_unknown_tool_does_not_keep_a_known_one_back() -> None:
    assert calls_in(block(invoke("delete_everything"), invoke("find", text="x"))) == [
        ("find", {"text": "x"})
    ]


def test_an_unknown_call_beside_a_known_one_stays_text() -> None:
    unknown = invoke("delete_everything")
    message = recovered(AIMessage(block(unknown, invoke("find", text="x"))), TOOLS)
    assert unknown.strip() in message.text
    assert "find" not in message.text


@pytest.mark.parametrize("value", ["9" * 30, "[" * 100_000], ids=["integer", "nesting"])
def test_a_value_that_no_checkpoint_holds_stays_text(value: str) -> None:
    assert calls_in(block(invoke("find", limit=value))) == [("find", {"limit": value})]


def test_nothing_is_recovered_when_nothing_is_offered() -> None:
    message = AIMessage(block(invoke("find", text="x")))
    assert recovered(message, []) == message


def test_a_block_that_is_not_closed_is_read_to_its_end() -> None:
    text = f"Look:\n<minimax:tool_call>\n{invoke('find', text='cart')}"
    assert calls_in(text) == [("find", {"text": "cart"})]
    assert recovered(AIMessage(text), TOOLS).content == "Look:"


def test_a_call_that_is_cut_off_stays_text() -> None:
    message = AIMessage('<minimax:tool_call><invoke name="find"><parameter name="text">ca')
    assert recovered(message, TOOLS) == message


def test_an_invocation_outside_a_block_stays_text() -> None:
    message = AIMessage(f"The syntax is {invoke('find', text='x')}")
    assert recovered(message, TOOLS) == message


def test_real_calls_win_over_calls_in_the_text() -> None:
    real = ToolCall(type="tool_call", id="call_1", name="find", args={"text": "real"})
    message = AIMessage(block(invoke("find", text="in the text")), tool_calls=[real])
    assert recovered(message, TOOLS) == message


def test_a_recovered_message_says_so_and_keeps_its_metadata() -> None:
    message = AIMessage(
        block(invoke("find", text="x")), response_metadata={"model_name": "MiniMax-M3"}
    )
    assert recovered(message, TOOLS).response_metadata == {
        "model_name": "MiniMax-M3",
        "recovered": "xml",
    }
    assert message.response_metadata == {"model_name": "MiniMax-M3"}
    assert message.tool_calls == []


def test_a_plain_answer_is_left_alone_and_does_not_say_it_was_recovered() -> None:
    message = AIMessage("All is well.")
    assert recovered(message, TOOLS) == message
    assert "recovered" not in recovered(message, TOOLS).response_metadata


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("answer", "answer"),
        ("<think>hm</think>\n answer \n", "answer"),
        ("hm, no opening tag</think>answer", "answer"),
        ("a</think>b</think>c", "c"),
        ("all thought</think>", ""),
        ("<think>never closed", ""),
        ("answer <think>and a thought never closed", "answer"),
        ("", ""),
    ],
)
def test_thinking_is_taken_off(text: str, rest: str) -> None:
    assert without_thinking(text) == rest


@pytest.mark.parametrize(
    "content", ["", " \n", "<think>hm</think>", "hm</think>\n\n", "<think>hm", []]
)
def test_a_message_that_says_and_asks_nothing_is_empty(content: Any) -> None:
    assert is_empty(AIMessage(content))


def test_a_message_that_says_something_is_not_empty() -> None:
    assert not is_empty(AIMessage("hm</think>answer"))


def test_a_message_that_only_asks_is_not_empty() -> None:
    call = ToolCall(type="tool_call", id="call_1", name="find", args={})
    assert not is_empty(AIMessage("", tool_calls=[call]))
