"""The port to a model: what the nodes ask, and what the tape keeps of it."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from graph.codec import decode_message, digest, encode_message
from graph.errors import UnreadableValue
from graph.models.failure import ModelFailure, failure_of
from graph.tape import Digested, Form, Outcome, Recorded, exchange


@dataclass(frozen=True)
class Answered:
    """The end of a call."""

    answer: AIMessage | ModelFailure
    failed: Sequence[Mapping[str, Any]] = field(default=())
    """The attempts that failed: `kind`, `error` and `seconds` of each."""


class Live(Protocol):
    """Calls one model of the provider."""

    async def __call__(
        self, messages: Sequence[BaseMessage], schemas: Sequence[dict[str, Any]]
    ) -> Answered:
        """Call it."""

    def another(self, model: str) -> "Live":
        """The same calls to another model of the provider."""


class Ask(Protocol):
    """A model: answers with its message, or with why it could not."""

    async def __call__(
        self,
        message_id: str,
        messages: Sequence[BaseMessage],
        tools: Sequence[BaseTool | dict[str, Any]] = (),
    ) -> AIMessage | ModelFailure:
        """Ask it; the answer gets `message_id`."""


class Model(Ask, Protocol):
    """A port that can be turned to another model of the provider."""

    def another(self, model: str) -> Ask:
        """The same port to another model of the provider."""


@dataclass(frozen=True)
class ModelPort:
    """One model in its role.

    Calling it answers with the model's message, or with a ModelFailure once the attempts are
    used up or the failure is one that another attempt cannot mend.
    """

    role: str
    model: str
    live: Live

    async def __call__(
        self,
        message_id: str,
        messages: Sequence[BaseMessage],
        tools: Sequence[BaseTool | dict[str, Any]] = (),
    ) -> AIMessage | ModelFailure:
        """Ask the model; its answer gets `message_id`."""
        schemas = [convert_to_openai_tool(tool) for tool in tools]
        offered = "\n".join(map(_signature, schemas))
        texts: dict[str, str] = {}

        def by_digest(text: str) -> str:
            texts[key := digest(text)] = text
            return key

        request: dict[str, Any] = {
            "model": self.model,
            "messages": [
                message.id or {message.type: by_digest(message.text)} for message in messages
            ],
            "contents": digest([_content(message) for message in messages if message.id]),
            "tools": by_digest(offered),
        }

        async def call() -> Answered:
            known = await self.live(messages, schemas)
            if isinstance(known.answer, ModelFailure):
                return known
            named = known.answer.model_copy(update={"id": message_id})
            return replace(known, answer=named)

        asked = Digested(request, texts, lambda: spelled(self.model, messages, offered))
        form: Form[Answered] = _WITH_TOOLS if tools else _ALONE
        return (await exchange("model", self.role, asked, call, form)).answer

    def another(self, model: str) -> "ModelPort":
        """The same port to another model of the provider."""
        return replace(self, model=model, live=self.live.another(model))


def spelled(model: str, messages: Sequence[BaseMessage], tools: str) -> dict[str, Any]:
    """What a model is asked, for people: every message with its text and calls."""
    return {
        "model": model,
        "messages": [
            {"type": message.type, "text": message.text, **_calls(message)} for message in messages
        ],
        "tools": tools,
    }


def _signature(schema: Mapping[str, Any]) -> str:
    """A tool on one line: name, arguments, and a digest of all that the model reads of it."""
    function = schema["function"]
    parameters = function.get("parameters", {})
    required = parameters.get("required", [])
    names = ", ".join(
        name if name in required else f"{name}=" for name in parameters.get("properties", {})
    )
    return f"{function['name']}({names}) {digest(schema)}"


def _calls(message: BaseMessage) -> dict[str, Any]:
    calls = getattr(message, "tool_calls", None)
    return {"calls": [{"name": c["name"], "args": c["args"]} for c in calls]} if calls else {}


def _content(message: BaseMessage) -> Any:
    calls = getattr(message, "tool_calls", [])
    return [message.text, calls, getattr(message, "tool_call_id", None)]


def _kept(known: Answered, *, by_reference: bool) -> Outcome:
    measured: dict[str, Any] = {"attempts": [*known.failed]} if known.failed else {}
    answer = known.answer
    if isinstance(answer, ModelFailure):
        failure = {"failure": answer.as_json()}
        return Outcome(failure, "error", answer.message, {**measured, "kind": answer.kind})
    usage = answer.usage_metadata
    measured |= {
        "input_tokens": usage["input_tokens"] if usage else 0,
        "output_tokens": usage["output_tokens"] if usage else 0,
        "cost_usd": answer.response_metadata.get("response_cost"),
    }
    if by_reference and answer.tool_calls:
        return Outcome({"message": answer.id}, measured=measured)
    # An answer in words is published again, without its thinking, under its own id.
    return Outcome({"in_full": encode_message(answer)}, measured=measured)


def _answered(response: Any, recorded: Recorded) -> Answered:
    if "failure" in response:
        return Answered(failure_of(response["failure"]))
    answer = (
        recorded.message(response["message"])
        if "message" in response
        else decode_message(response["in_full"])
    )
    if not isinstance(answer, AIMessage):
        raise UnreadableValue(f"{answer.id} is not a model's message")
    return Answered(answer)


_WITH_TOOLS = Form(functools.partial(_kept, by_reference=True), _answered)
_ALONE = Form(functools.partial(_kept, by_reference=False), _answered)
