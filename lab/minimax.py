"""The lab's MiniMax: the OpenAI-compatible endpoint, with MiniMax's own shapes and faults.

It answers what its `policy` says, after checking a request by the rules that the provider
documents (`lab.wire_rules`). Faults are queued per model and used up one a request.
"""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from lab import faults
from lab.faults import Status, spoil
from lab.serving import listening
from lab.wire_rules import complaint

Message = dict[str, Any]
Policy = Callable[[dict[str, Any]], Message]


@dataclass(frozen=True)
class ErrorIn200:
    """The older shape: HTTP 200, no choices, a code in `base_resp`."""

    code: int
    message: str


@dataclass(frozen=True)
class Reply:
    """A fixed assistant message instead of the policy's."""

    message: Message
    finish_reason: str | None = None


def calling(*calls: tuple[str, dict[str, Any] | str], content: str = "") -> Reply:
    """A reply with these tool calls, `call_1` and on; arguments that are text go as they are."""
    return Reply(
        {
            "content": content,
            "tool_calls": [
                {
                    "id": f"call_{position}",
                    "type": "function",
                    "function": {
                        "name": name,
                        "arguments": args if isinstance(args, str) else json.dumps(args),
                    },
                }
                for position, (name, args) in enumerate(calls, start=1)
            ],
        }
    )


Fault = faults.Fault | ErrorIn200 | Reply


@dataclass
class Seen:
    """One request that arrived."""

    body: dict[str, Any]
    authorization: str | None
    closed_by_client: asyncio.Event = field(default_factory=asyncio.Event)


class MiniMaxDouble:
    """The endpoint's journal and faults."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.delay_s = 0.0
        """How long an answer of the policy takes."""
        self.requests: list[Seen] = []
        self.arrived = asyncio.Condition()
        self._queued: dict[str, deque[Fault]] = defaultdict(deque)
        self._standing: dict[str, Fault] = {}
        self.url = ""

    def queue(self, model: str, *faults: Fault) -> None:
        """Answer the next requests for that model with these, one each."""
        self._queued[model].extend(faults)

    def always(self, model: str, fault: Fault | None) -> None:
        """Answer every request for that model with this, until called with None."""
        if fault is None:
            self._standing.pop(model, None)
        else:
            self._standing[model] = fault

    def of(self, model: str) -> list[Seen]:
        """The requests for that model, in order."""
        return [seen for seen in self.requests if seen.body.get("model") == model]

    async def wait_for(self, model: str, count: int) -> Seen:
        """Wait until that model was asked `count` times; the latest of these requests."""
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.of(model)) >= count)
        return self.of(model)[count - 1]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The handler of POST /v1/chat/completions."""
        body = await request.json()
        seen = Seen(body, request.headers.get("Authorization"))
        async with self.arrived:
            self.requests.append(seen)
            self.arrived.notify_all()
        model = str(body.get("model"))
        if refusal := complaint(body, seen.authorization):
            return _error(*refusal)
        fault = self._queued[model].popleft() if self._queued[model] else self._standing.get(model)
        if fault is not None and not isinstance(fault, Reply):
            return await _fail(fault, request, seen)
        if isinstance(fault, Reply):
            return web.json_response(_completion(body, fault.message, fault.finish_reason))
        await asyncio.sleep(self.delay_s)
        return web.json_response(_completion(body, self.policy(body), None))


@asynccontextmanager
async def serve(policy: Policy) -> AsyncIterator[MiniMaxDouble]:
    """The endpoint on a free loopback port; `url` is what MINIMAX_API_BASE takes."""
    double = MiniMaxDouble(policy)
    async with listening(double.answer, "/v1/chat/completions") as address:
        double.url = f"{address}/v1"
        yield double


async def _fail(
    fault: faults.Fault | ErrorIn200, request: web.Request, seen: Seen
) -> web.StreamResponse:
    if isinstance(fault, Status):
        return _error(fault.status, fault.message, fault.headers)
    if isinstance(fault, ErrorIn200):
        base = {"status_code": fault.code, "status_msg": fault.message}
        return web.json_response({"id": "lab", "choices": None, "base_resp": base})
    try:
        return await spoil(
            fault, request, b'{"id": "lab", "choices": [{"index": 0, "message": {"role"'
        )
    except (asyncio.CancelledError, ConnectionResetError):
        seen.closed_by_client.set()
        raise


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> web.StreamResponse:
    kinds = {400: "bad_request_error", 401: "authorized_error", 429: "rate_limit_error"}
    error = {
        "type": kinds.get(status, "api_error"),
        "message": message,
        "http_code": str(status),
    }
    document = {"type": "error", "error": error, "request_id": "lab"}
    return web.json_response(document, status=status, headers=headers)


def _completion(body: dict[str, Any], message: Message, finish_reason: str | None) -> Message:
    """A whole answer; tokens are counted as a quarter of the characters."""
    sent = len(json.dumps(body["messages"])) // 4
    written = len(json.dumps(message)) // 4
    thought = len(message.get("reasoning_content") or "") // 4
    reason = finish_reason or ("tool_calls" if message.get("tool_calls") else "stop")
    return {
        "id": "lab",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "finish_reason": reason,
                "message": {"role": "assistant", "name": "MiniMax AI", **message},
            }
        ],
        "usage": {
            "prompt_tokens": sent,
            "completion_tokens": written,
            "total_tokens": sent + written,
            "total_characters": 0,
            "completion_tokens_details": {"reasoning_tokens": thought},
        },
        "input_sensitive": False,
        "output_sensitive": False,
        "base_resp": {"status_code": 0, "status_msg": ""},
    }
