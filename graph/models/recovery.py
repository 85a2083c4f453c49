"""What MiniMax models put into text that belongs elsewhere, and how it is put right.

Seen in the wild: tool calls as XML in the content (`<minimax:tool_call><invoke …>`), thinking
that ends in `</think>` without an opening tag, and answers with nothing in them.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, ToolCall

from graph.codec import digest, read_json

_BLOCK = re.compile(r"<minimax:tool_call>(.*?)(?:</minimax:tool_call>|\Z)", re.DOTALL)
_INVOKE = re.compile(r"<invoke\s+name=\"([^\"]+)\"\s*>(.*?)</invoke>", re.DOTALL)
_PARAMETER = re.compile(r"<parameter\s+name=\"([^\"]+)\"\s*>(.*?)</parameter>", re.DOTALL)


def without_thinking(text: str) -> str:
    """The text after the last `</think>` and before a `<think>` that is never closed, stripped."""
    return text.rpartition("</think>")[2].partition("<think>")[0].strip()


def is_empty(message: AIMessage) -> bool:
    """Whether the message neither says nor asks anything."""
    return not message.tool_calls and not without_thinking(message.text)


def recovered(message: AIMessage, tools: Sequence[Mapping[str, Any]]) -> AIMessage:
    """The message with tool calls in its text turned into tool calls.

    `tools` are the offered tools as OpenAI function schemas; a call of any other name stays
    text. Real tool calls win: then the text is left alone. A recovered message says so in
    `response_metadata["recovered"]`.
    """
    if message.tool_calls or not message.text:
        return message
    schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in tools}
    calls = [
        ToolCall(
            type="tool_call",
            id=f"call_xml_{digest(message.text)}_{position}",
            name=name,
            args=_arguments(body, schemas[name]),
        )
        for position, (name, body) in enumerate(_invocations(message.text))
        if name in schemas
    ]
    if not calls:
        return message
    return message.model_copy(
        update={
            "content": _without_calls(message.text, schemas),
            "tool_calls": calls,
            "response_metadata": {**message.response_metadata, "recovered": "xml"},
        }
    )


def _invocations(text: str) -> list[tuple[str, str]]:
    return [found for block in _BLOCK.findall(text) for found in _INVOKE.findall(block)]


def _without_calls(text: str, names: Collection[str]) -> str:
    """The text without the calls of these tools; a block left empty goes too."""

    def rest(block: re.Match[str]) -> str:
        left = _INVOKE.sub(lambda call: "" if call[1] in names else call[0], block[1]).strip()
        return f"<minimax:tool_call>{left}</minimax:tool_call>" if left else ""

    return _BLOCK.sub(rest, text).strip()


def _arguments(body: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    return {
        name: _typed(value.strip(), properties.get(name, {}))
        for name, value in _PARAMETER.findall(body)
    }


def _typed(value: str, schema: Mapping[str, Any]) -> Any:
    if schema.get("type") == "string":
        return value
    try:
        return read_json(value)
    except ValueError:
        return value
