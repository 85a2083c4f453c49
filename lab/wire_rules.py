"""What MiniMax refuses, as its documents and its users' bug reports tell.

Sources: platform.minimax.io (text generation, error codes); MiniMax-AI/MiniMax-M2 issues 69
and 76 for the rules about tool results in the history.
"""

import json
from typing import Any

MODELS = frozenset(
    {
        "MiniMax-M3",
        "MiniMax-M2.7",
        "MiniMax-M2.7-highspeed",
        "MiniMax-M2.5",
        "MiniMax-M2.5-highspeed",
        "MiniMax-M2.1",
        "MiniMax-M2.1-highspeed",
        "MiniMax-M2",
    }
)


def complaint(body: dict[str, Any], authorization: str | None) -> tuple[int, str] | None:
    """The HTTP status and message with which MiniMax refuses the request; None if it does not."""
    if not authorization or authorization == "Bearer ":
        return 401, "login fail: Please carry the API secret key in the request header (1004)"
    if body.get("model") not in MODELS:
        return 400, f"invalid params, unknown model '{body.get('model')}' (2013)"
    for problem in (_parameters(body), _tools(body), _history(body["messages"])):
        if problem:
            return 400, f"invalid params, {problem} (2013)"
    return None


def _parameters(body: dict[str, Any]) -> str | None:
    temperature = body.get("temperature")
    if temperature is not None and not 0 < temperature <= 1:
        return f"temperature {temperature} is not in (0, 1]"
    if body.get("n", 1) != 1:
        return "n must be 1"
    if body.get("thinking", {}).get("type", "adaptive") not in ("adaptive", "disabled"):
        return "thinking type is not supported"
    return None


def _tools(body: dict[str, Any]) -> str | None:
    for tool in body.get("tools") or []:
        if "parameters" not in tool.get("function", {}):
            return "function parameters is empty"
    return None


def _history(messages: list[dict[str, Any]]) -> str | None:
    """Every call is answered at once, and nothing else is answered."""
    open_calls: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_calls:
                return f"tool result's tool id({message.get('tool_call_id')}) not found"
            open_calls.discard(message["tool_call_id"])
            continue
        if open_calls:
            return "tool call result does not follow tool call"
        for call in message.get("tool_calls") or []:
            try:
                json.loads(call["function"]["arguments"])
            except json.JSONDecodeError:
                return "invalid function arguments json string"
            open_calls.add(call["id"])
    return "tool call result does not follow tool call" if open_calls else None
