"""ChatLiteLLM, corrected for what MiniMax needs on the wire.

Imports litellm, which takes seconds; only `graph.models.port` does so, when a model is opened.
The corrections, each with a test on the wire:

- thinking goes back with the calls it led to: as `reasoning_details`, or inline in `<think>`;
- a checkpoint holds plain values only: no litellm objects stay in a message;
- a call with malformed arguments keeps its id and its place, with empty arguments on the wire
  and the raw text in `invalid_tool_calls`, so that it can be answered;
- MiniMax's errors inside a 200 answer (`base_resp`) get the HTTP status they mean;
- nothing is streamed, because litellm 1.106.2 returns a stream cut in the middle as complete.
"""

import json
from typing import Any

import httpx
import litellm
from langchain_core.messages import AIMessage, BaseMessage, InvalidToolCall, ToolCall
from langchain_core.outputs import ChatResult
from langchain_litellm import ChatLiteLLM
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

from graph.codec import read_json

litellm.suppress_debug_info = True

_STATUS_OF_CODE = {
    1001: 408,
    1002: 429,
    1004: 401,
    1008: 402,
    1039: 429,
    2013: 400,
    2049: 401,
    2056: 429,
    2064: 529,
}
"""HTTP statuses for the codes of `base_resp.status_code`; any other code counts as 500."""


class ChatMiniMax(ChatLiteLLM):
    """A MiniMax model through litellm, with the corrections of this module."""

    def _create_message_dicts(
        self, messages: list[BaseMessage], stop: list[str] | None
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        dicts, params = super()._create_message_dicts(messages, stop)
        for message, sent in zip(messages, dicts, strict=True):
            thinking = sent.pop("reasoning_content", None)
            if details := message.additional_kwargs.get("reasoning_details"):
                sent["reasoning_details"] = details
            elif thinking:
                sent["content"] = f"<think>{thinking}</think>\n{sent['content']}"
        return dicts, params

    def _create_chat_result(self, response: Any, **params: Any) -> ChatResult:
        result = super()._create_chat_result(response, **params)
        for generation in result.generations:
            if isinstance(generation.message, AIMessage):
                _make_plain(generation.message)
        result.llm_output = {"model": self.model}
        return result


class _SingleRequestTransport(httpx.AsyncHTTPTransport):
    """Sends each request once.

    litellm's handler sends a request again by itself, uncounted, when it sees one of these two
    errors; under another name they reach the retries that we bound and count.
    """

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except (httpx.RemoteProtocolError, httpx.ConnectError) as error:
            raise httpx.ReadError(str(error), request=request) from error


def http_handler(timeout_s: float, connect_timeout_s: float) -> AsyncHTTPHandler:
    """The HTTP client that litellm sends with; whoever opens it closes it.

    Handed in instead of litellm's own, so that its limits are ours, its sockets have an
    owner, and MiniMax's errors inside a 200 answer can be seen before litellm drops them.
    """
    return AsyncHTTPHandler(
        timeout=httpx.Timeout(timeout_s, connect=connect_timeout_s),
        event_hooks={"response": [_reveal_error_in_200]},
        transport=_SingleRequestTransport(retries=0),
    )


def load_all() -> None:
    """Let litellm load the rest of itself, which it would do in the middle of the first call.

    That takes most of a second and would block the event loop, so it is for a thread at start.
    The call is a mocked one: it opens no socket.
    """
    litellm.completion(
        model="minimax/MiniMax-M3",
        messages=[{"role": "user", "content": "ready?"}],
        tools=[{"type": "function", "function": {"name": "none", "parameters": {}}}],
        api_key="unused",
        mock_response="ready",
    )


async def _reveal_error_in_200(response: httpx.Response) -> None:
    try:
        await response.aread()
    except httpx.RemoteProtocolError as error:
        raise httpx.ReadError(str(error), request=response.request) from error
    try:
        document = response.json()
    except ValueError:
        return
    if isinstance(document, dict) and isinstance(document.get("base_resp"), dict):
        code = document["base_resp"].get("status_code", 0)
        if code:
            response.status_code = _STATUS_OF_CODE.get(code, 500)


def _make_plain(message: AIMessage) -> None:
    """Replace litellm's objects by values that survive a checkpoint, and sort out the calls."""
    extra = message.additional_kwargs
    raw_calls = extra.pop("tool_calls", None) or []
    specific = extra.pop("provider_specific_fields", None) or {}
    if details := specific.get("reasoning_details"):
        extra["reasoning_details"] = json.loads(json.dumps(details))
    message.tool_calls, message.invalid_tool_calls = [], []
    for position, raw in enumerate(raw_calls):
        _take_call(message, raw, position)


def _take_call(message: AIMessage, raw: Any, position: int) -> None:
    name = raw.function.name or ""
    text = raw.function.arguments or "{}"
    call_id = raw.id or f"call_{position}"
    if call_id in {call["id"] for call in message.tool_calls}:
        call_id = f"{call_id}_{position}"
    try:
        arguments = read_json(text)
        complaint = None if isinstance(arguments, dict) else "is not a JSON object"
    except ValueError as error:
        arguments, complaint = {}, f"is not valid JSON: {error}"
    if complaint:
        arguments = {}
        message.invalid_tool_calls.append(
            InvalidToolCall(
                type="invalid_tool_call", id=call_id, name=name, args=text, error=complaint
            )
        )
    message.tool_calls.append(ToolCall(type="tool_call", id=call_id, name=name, args=arguments))
