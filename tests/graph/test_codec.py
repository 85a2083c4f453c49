"""Values of the state as JSON text and back: each in one form, and nothing else is read."""

from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    AnyMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from graph.codec import (
    NAMES_LIMIT,
    NESTING_LIMIT,
    canonical,
    check_nesting,
    decode_message,
    decode_state,
    digest,
    encode_message,
    encode_state,
    read_json,
)
from graph.errors import UnreadableValue

METADATA: dict[str, Any] = {"finish_reason": "stop", "response_cost": 0.0015, "logprobs": None}
USAGE: Any = {
    "input_tokens": 12,
    "output_tokens": 3,
    "total_tokens": 15,
    "input_token_details": {"cache_read": 4},
}
FULL: dict[str, AnyMessage] = {
    "human": HumanMessage(
        [{"type": "text", "text": "What is wrong?"}, "now"],
        id="h",
        name="ops",
        additional_kwargs={"sent": {"by": ["ops"]}},
        response_metadata={"seen": True},
    ),
    "ai": AIMessage(
        "It is the disk — „voll“ 🙂\n",
        id="a",
        name="orchestrator",
        additional_kwargs={"reasoning_content": "hm"},
        response_metadata=METADATA,
        tool_calls=[{"name": "find", "args": {"b": 1, "a": [None, -0.0]}, "id": "c1"}],
        invalid_tool_calls=[
            {
                "type": "invalid_tool_call",
                "name": "find",
                "args": "{",
                "id": "c2",
                "error": "is not valid JSON",
            }
        ],
        usage_metadata=USAGE,
    ),
    "system": SystemMessage("Be brief.", id="s"),
    "tool": ToolMessage(
        "E1 status=ok",
        id="t",
        name="find",
        tool_call_id="c1",
        artifact={"status": "ok", "data": [1, 2.5, None, {"x": []}]},
        status="error",
    ),
}
EMPTY: dict[str, AnyMessage] = {
    "human": HumanMessage(""),
    "ai": AIMessage([]),
    "system": SystemMessage(""),
    "tool": ToolMessage("", tool_call_id="", artifact={}),
}
PLAIN = {"type": "human", "id": "h", "content": "x"}
CALL = {"type": "tool_call", "name": "find", "args": {}, "id": "c"}
ANSWER = {"type": "ai", "id": "a", "content": "", "tool_calls": [CALL]}
RESULT = {"type": "tool", "id": "t", "content": "x", "tool_call_id": "c", "status": "success"}
CONSTRUCTOR = {
    "lc": 1,
    "type": "constructor",
    "id": ["langchain_core", "messages", "HumanMessage"],
    "kwargs": {"content": "x"},
}


@pytest.mark.parametrize("messages", [FULL, EMPTY], ids=["full", "empty"])
@pytest.mark.parametrize("kind", FULL)
def test_a_message_written_and_read_back_is_the_same(
    kind: str, messages: dict[str, AnyMessage]
) -> None:
    message = messages[kind]
    encoded = encode_message(message)
    assert encoded["type"] == kind
    found = decode_message(read_json(canonical(encoded)))
    assert type(found) is type(message)
    assert found == message
    assert encode_message(found) == encoded


def test_every_field_of_a_message_is_written() -> None:
    for kind, message in FULL.items():
        given = {name for name in type(message).model_fields if getattr(message, name)}
        assert given <= encode_message(message).keys(), kind


def test_a_state_written_and_read_back_is_the_same() -> None:
    state = {"messages": list(FULL.values()), "visits": {"plan": 1}, "report": None}
    encoded = read_json(canonical(encode_state(state)))
    assert decode_state(encoded) == state


def test_what_is_read_is_not_changed_by_reading() -> None:
    value = {**ANSWER, "additional_kwargs": {"a": 1}}
    before = canonical(value)
    decode_message(value)
    assert canonical(value) == before


@pytest.mark.parametrize(
    "message",
    [
        ChatMessage(content="x", role="user"),
        FunctionMessage(content="x", name="f"),
        RemoveMessage(id="x"),
        AIMessageChunk(content="x"),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_of_another_type_is_not_written(message: Any) -> None:
    with pytest.raises(UnreadableValue, match="cannot be written"):
        encode_message(message)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "human",
        [PLAIN],
        {},
        {"content": "x"},
        {"type": "chat", "content": "x", "role": "user"},
        {"type": "AIMessageChunk", "content": "x"},
        {"type": "remove", "id": "x", "content": ""},
        {"type": ["human"], "content": "x"},
        CONSTRUCTOR,
        {**CONSTRUCTOR, "id": ["os", "system"]},
    ],
    ids=canonical,
)
def test_what_is_no_message_of_ours_is_not_read(value: Any) -> None:
    with pytest.raises(UnreadableValue, match="is not a message of ours"):
        decode_message(value)


@pytest.mark.parametrize(
    "value",
    [
        {"type": "human"},
        {**PLAIN, "content": None},
        {**PLAIN, "content": 5},
        {**PLAIN, "content": [5]},
        {**PLAIN, "id": 5},
        {**PLAIN, "id": None},
        {**PLAIN, "example": True},
        {**PLAIN, "tool_calls": []},
        {**PLAIN, "lc_kwargs": CONSTRUCTOR},
        {**PLAIN, "additional_kwargs": {}},
        {**PLAIN, "additional_kwargs": "x"},
        {**PLAIN, "additional_kwargs": []},
        {**ANSWER, "tool_calls": {}},
        {**ANSWER, "tool_calls": ["find"]},
        {**ANSWER, "tool_calls": [{**CALL, "args": "{}"}]},
        {**ANSWER, "tool_calls": [{**CALL, "extras": {}}]},
        {**ANSWER, "tool_calls": [{"type": "tool_call", "name": "find", "id": "c"}]},
        {**ANSWER, "invalid_tool_calls": [5]},
        {**ANSWER, "usage_metadata": {"input_tokens": "5"}},
        {**ANSWER, "usage_metadata": {**USAGE, "input_tokens": 12.0}},
        {**ANSWER, "usage_metadata": {**USAGE, "input_tokens": True}},
        {"type": "ai", "content": "", "tool_call_chunks": [{}]},
        {**RESULT, "tool_call_id": 5},
        {**RESULT, "status": "ok"},
        {**RESULT, "artifact": None},
        {"type": "tool", "id": "t", "content": "x", "status": "success"},
        {"type": "tool", "id": "t", "tool_call_id": "c", "status": "success"},
    ],
    ids=canonical,
)
def test_a_message_in_another_form_is_not_read(value: Any) -> None:
    with pytest.raises(UnreadableValue, match="a message is not "):
        decode_message(value)


def test_calls_that_stand_where_a_provider_puts_them_make_no_calls() -> None:
    raw = {"id": "c", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    value = {"type": "ai", "id": "a", "content": "", "additional_kwargs": {"tool_calls": [raw]}}
    with pytest.raises(UnreadableValue, match="not in the form in which it is written"):
        decode_message(value)


@pytest.mark.parametrize(
    "text",
    [
        "9223372036854775807",
        "-9223372036854775808",
        "0.1",
        "-0.0",
        "5e-324",
        "1.7976931348623157e+308",
        '"\\u0000"',
        '"🙂 \u2028 \\u001b[2J"',
        '{"":[],"a":{}}',
    ],
)
def test_a_value_is_read_as_it_is_written(text: str) -> None:
    assert canonical(read_json(text)) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("9223372036854775808", "has more than 64 bits"),
        ("-9223372036854775809", "has more than 64 bits"),
        ("9" * 5000, "the integer 99999999999999999999 has more than 64 bits"),
        ("[1e400]", "the number 1e400 is too large"),
        ("-1e400", "the number -1e400 is too large"),
        ("1" * 4000 + ".5", "is too large"),
        ("NaN", "NaN is not a number of JSON"),
        ("[Infinity]", "Infinity is not a number of JSON"),
        ("-Infinity", "-Infinity is not a number of JSON"),
        ("[" * 100_000, "nested too deep"),
        ('{"a":' * 100_000, "nested too deep"),
    ],
    ids=lambda text: text[:30],
)
def test_a_number_or_a_depth_that_no_checkpoint_holds_is_not_read(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        read_json(text)
    assert len(str(refused.value)) < 100


@pytest.mark.parametrize("text", ['{"a":1,"a":1}', "1E2", "-0", "1.50", '"\\u0041"', '"\\ud800"'])
def test_a_value_spelled_otherwise_does_not_come_back_as_it_was(text: str) -> None:
    assert canonical(read_json(text)) != text


def test_a_number_is_its_digits() -> None:
    assert len({digest(value) for value in (1, 1.0, True, "1")}) == 4
    assert digest(0.0) != digest(-0.0)
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})


def nested(depth: int) -> Any:
    value: Any = "x"
    for number in range(depth):
        value = [value] if number % 2 else {"a": value}
    return value


def test_nesting_is_allowed_up_to_its_limit() -> None:
    check_nesting(nested(NESTING_LIMIT - 1))
    with pytest.raises(ValueError, match="nested deeper than"):
        check_nesting(nested(NESTING_LIMIT))


def test_an_object_is_as_wide_as_its_limit_at_most() -> None:
    check_nesting([{str(number): 0 for number in range(NAMES_LIMIT)}])
    with pytest.raises(ValueError, match=f"an object of {NAMES_LIMIT + 1} names"):
        check_nesting([{str(number): 0 for number in range(NAMES_LIMIT + 1)}])


def test_half_a_character_has_no_digest() -> None:
    with pytest.raises(UnicodeEncodeError):
        digest("\ud800")
