"""What an exchange of a recording may hold: each kind has a form of request and response."""

import functools
from typing import Annotated, Any, Literal, NotRequired

from langchain_core.messages import AIMessage, AnyMessage, ToolMessage
from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from graph.codec import decode_message, digest
from graph.errors import UnreadableValue
from graph.models.failure import Kind as FailureKind
from graph.state import Recalled, Receipt
from graph.tools.result import ToolResult
from replay.file.schema import check_form, check_moment, check_names, check_setup, form_of
from replay.recording import NODES

MESSAGES_LIMIT = 10_000
"""Messages of one request to a model."""
LEFT_OUT = 40
"""Characters of a wrong name that an error shows."""


ByDigest = Annotated[dict[Literal["human", "system"], str], Field(min_length=1, max_length=1)]
"""A message that is not of the state: its type, and the digest of its text."""


class ModelRequest(TypedDict):
    """What a model is asked, as `graph.models.port` keeps it."""

    model: str
    messages: Annotated[list[str | ByDigest], Field(max_length=MESSAGES_LIMIT)]
    contents: str
    tools: str


class Identity(TypedDict):
    """Who a run is, and its word to fence untrusted text."""

    run_id: str
    thread_id: str
    boundary: str


class Artifact(TypedDict):
    """A tool's result: the artifact of that message."""

    artifact: str


class Failed(TypedDict):
    """An attempt of a call that failed."""

    kind: str
    error: str
    seconds: float


class MeasuredAnswer(TypedDict):
    """What was measured of a call that a model answered."""

    attempts: NotRequired[list[Failed]]
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


class MeasuredFailure(TypedDict):
    """What was measured of a call that a model did not answer."""

    attempts: NotRequired[list[Failed]]
    kind: str


class MeasuredResult(TypedDict):
    """What was measured of a tool's call."""

    source: str


class NotMeasured(TypedDict):
    """Nothing."""


class KeptFailure(TypedDict):
    """As `graph.models.failure.ModelFailure` is kept."""

    kind: FailureKind
    detail: str
    model: str
    attempts: int
    retry_after_s: float | None


class ByReference(TypedDict):
    """A model's answer that is a message of the state."""

    message: str


class InFull(TypedDict):
    """A model's answer as a whole."""

    in_full: dict[str, Any]


class Broken(TypedDict):
    """A model that did not answer."""

    failure: KeptFailure


RESPONSES: dict[tuple[str, str], Any] = {
    ("clock", "now"): str,
    ("identity", "run"): Identity,
    ("setup", "graph"): dict[str, Any],
    ("memory", "recall"): list[Recalled],
    ("memory", "begin_enrichment"): Receipt,
    ("memory", "keep_receipt"): None,
    ("memory", "remember"): int,
    ("memory", "learn"): int,
    ("detach", "hand_over"): Receipt,
    ("detach", "skip"): Receipt,
    ("detach", "waiting"): list[str],
    ("run", "begun"): None,
    ("run", "concluded"): None,
    ("run", "enriched"): None,
    ("model", "orchestrator"): ByReference | InFull | Broken,
    ("model", "analyst"): ByReference | InFull | Broken,
}
"""Of each kind and name; what tools answer with has one form whatever their names."""


def check_exchange(entry: dict[str, Any]) -> AIMessage | None:
    """Raise UnreadableValue for an exchange whose parts are not those of its kind.

    That it has the parts of an exchange is known. Answers with the message that it holds in full,
    if it holds one.
    """
    kind, name = entry["kind"], entry["name"]
    what = f"the exchange {kind} {name[:LEFT_OUT]}"
    form = _responses().get((kind, name if kind != "tool" else ""))
    if form is None:
        raise UnreadableValue(f"{what}: no node has it")
    _check_address(what, entry)
    check_form(
        f"{what}: request", _MODEL_REQUEST if kind == "model" else _REQUEST, entry["request"]
    )
    answer = None
    if entry["response"] is None and entry["status"] == "error":
        # It was raised, or cut off.
        check_form(f"{what}: error", _TEXT, entry["error"])
    else:
        check_form(f"{what}: response", form, entry["response"])
        answer = _check_response(kind, entry["response"])
    check_form(f"{what}: measured", _measured(entry), entry["measured"])
    return answer


def check_digests(entry: dict[str, Any]) -> None:
    """Raise UnreadableValue for an exchange that does not ask what its digests say.

    Not for the part before an edit, which is not asked again: an export frees it of secrets.
    """
    what = f"the exchange {entry['kind']} {entry['name'][:LEFT_OUT]}"
    if entry["digest"] != digest(entry["request"]):
        raise UnreadableValue(f"{what}: its digest is another request's")
    for key, text in entry.get("texts", {}).items():
        if key != digest(text):
            raise UnreadableValue(f"{what}: the digest {key[:LEFT_OUT]!r} is another text's")


def referred(entry: dict[str, Any]) -> tuple[str, str] | None:
    """The kind of message and the id that its response refers to, if it refers to one."""
    response = entry["response"]
    if entry["kind"] == "tool" and response is not None:
        return "tool", response["artifact"]
    if entry["kind"] == "model" and response is not None and "message" in response:
        return "ai", response["message"]
    return None


def check_referred(kind: str, message_id: str, message: AnyMessage | None) -> AnyMessage:
    """The message. Raises UnreadableValue when it is not one that such an exchange answers with."""
    if kind == "ai" and isinstance(message, AIMessage):
        return message
    if kind == "tool" and isinstance(message, ToolMessage):
        try:
            ToolResult.model_validate(message.artifact, strict=True)
        except ValidationError as error:
            said = error.errors(include_url=False, include_input=False)[0]["msg"]
            raise UnreadableValue(f"message {message_id!r} holds no result: {said}") from None
        return message
    raise UnreadableValue(f"there is no message {message_id!r} of type {kind}")


def _check_address(what: str, entry: dict[str, Any]) -> None:
    index = entry["index"]
    aside = entry["node"] == "tool"
    if entry["node"] not in NODES or entry["visit"] < 0 or aside != (index is not None):
        raise UnreadableValue(f"{what}: its address is none")
    if index is not None and index < 0:
        raise UnreadableValue(f"{what}: its address is none")


def _check_response(kind: str, response: Any) -> AIMessage | None:
    if kind == "clock":
        check_moment(response)
    elif kind == "identity":
        check_names("the identity", response)
    elif kind == "setup":
        check_setup(response)
    elif kind == "model" and "in_full" in response:
        message = decode_message(response["in_full"])
        if not isinstance(message, AIMessage):
            raise UnreadableValue("a model answers with another's message")
        return message
    return None


def _measured(entry: dict[str, Any]) -> TypeAdapter[Any]:
    response = entry["response"]
    if response is None or entry["kind"] not in ("model", "tool"):
        return _NOTHING
    if entry["kind"] == "tool":
        return _RESULT
    return _FAILURE if "failure" in response else _ANSWER


@functools.cache
def _responses() -> dict[tuple[str, str], TypeAdapter[Any]]:
    return {place: form_of(hint) for place, hint in RESPONSES.items()} | {
        ("tool", ""): form_of(Artifact)
    }


_MODEL_REQUEST = form_of(ModelRequest)
_REQUEST = TypeAdapter(dict[str, Any])
_ANSWER, _FAILURE = form_of(MeasuredAnswer), form_of(MeasuredFailure)
_RESULT, _NOTHING = form_of(MeasuredResult), form_of(NotMeasured)
_TEXT = TypeAdapter(str)
