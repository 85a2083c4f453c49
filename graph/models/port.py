"""The port to a model: what the nodes ask, and what the tape keeps of it."""

import functools
import json
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

_OFFERS = 8
"""Lists of tools that are remembered; a graph has two."""


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
class _Offer:
    """Tools, as a model is told of them and as the tape names them."""

    tools: Sequence[Any]
    """They are kept: an id is another's as soon as they are gone."""
    schemas: str
    """As JSON, of which each call gets its own values: what sends them may change them."""
    listed: str


class _Offers:
    """Makes them once for the same tools: it takes longer than all else that a call costs here."""

    def __init__(self) -> None:
        self._known: dict[tuple[int | str, ...], _Offer] = {}

    def of(self, tools: Sequence[BaseTool | dict[str, Any]]) -> _Offer:
        named = tuple(json.dumps(tool) if isinstance(tool, dict) else id(tool) for tool in tools)
        known = self._known.get(named)
        if known is None:
            schemas = [convert_to_openai_tool(tool) for tool in tools]
            known = _Offer([*tools], json.dumps(schemas), "\n".join(map(_signature, schemas)))
            if len(self._known) == _OFFERS:
                self._known.clear()
            self._known[named] = known
        return known


@dataclass(frozen=True)
class ModelPort:
    """One model in its role.

    Calling it answers with the model's message, or with a ModelFailure once the attempts are
    used up or the failure is one that another attempt cannot mend.
    """

    role: str
    model: str
    live: Live
    offers: _Offers = field(default_factory=_Offers, repr=False, compare=False)

    async def __call__(
        self,
        message_id: str,
        messages: Sequence[BaseMessage],
        tools: Sequence[BaseTool | dict[str, Any]] = (),
    ) -> AIMessage | ModelFailure:
        """Ask the model; its answer gets `message_id`."""
        offer = self.offers.of(tools)
        texts: dict[str, str] = {}

        def by_digest(text: str) -> str:
            key = digest(text)
            if text:
                texts[key] = text
            return key

        request: dict[str, Any] = {
            "model": self.model,
            "messages": [
                message.id or {message.type: by_digest(message.text)} for message in messages
            ],
            "contents": digest([_content(message) for message in messages if message.id]),
            "tools": by_digest(offer.listed),
        }

        async def call() -> Answered:
            known = await self.live(messages, json.loads(offer.schemas))
            if isinstance(known.answer, ModelFailure):
                return known
            named = known.answer.model_copy(update={"id": message_id})
            return replace(known, answer=named)

        asked = Digested(request, texts, lambda: spelled(self.model, messages, offer.listed))
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


def _kept(known: Answered, *, published: bool) -> Outcome:
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
    if published and not answer.tool_calls:
        # It goes out in another form, without its thinking, under its own id.
        return Outcome({"in_full": encode_message(answer)}, measured=measured)
    return Outcome({"message": answer.id}, measured=measured)


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


_WITH_TOOLS = Form(functools.partial(_kept, published=True), _answered)
_ALONE = Form(functools.partial(_kept, published=False), _answered)
