"""Values of the state as JSON text and back.

A message is an object that names one of four types; everything else is JSON already. Nothing
is imported and nothing is run to read a value, and each has one form: what is read is what
would be written.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, TypeVar, cast

from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from graph.errors import UnreadableValue

INTEGER_LIMIT = 2**63
INTEGER_DIGITS = 20
NUMBER_SHOWN = 40
"""Characters of a refused number that its error shows."""
NESTING_LIMIT = 100
NAMES_LIMIT = 10_000
"""Names in one object."""
MESSAGES = "messages"
"""The one channel that holds messages."""
_ALWAYS = ("content", "tool_call_id")
"""Fields of a message that are written also when they are empty."""
_TYPES: dict[str, type[BaseMessage]] = {
    "human": HumanMessage,
    "ai": AIMessage,
    "system": SystemMessage,
    "tool": ToolMessage,
}
_CLOSED = with_config(ConfigDict(extra="forbid", strict=True))
"""No names but those of the form, and no value that would have to be turned into another."""

_Part = TypeVar("_Part")
_Listed = Annotated[list[_Part], Field(fail_fast=True)]
"""Read up to the first wrong entry: the errors of millions would fill the memory."""


@_CLOSED
class _Call(TypedDict):
    type: Literal["tool_call"]
    id: str | None
    name: str
    args: dict[str, Any]


@_CLOSED
class _InvalidCall(TypedDict):
    type: Literal["invalid_tool_call"]
    id: str | None
    name: str | None
    args: str | None
    error: str | None


@_CLOSED
class _Plain(TypedDict):
    type: Literal["human", "system"]
    id: NotRequired[str]
    name: NotRequired[str]
    content: str | _Listed[str | dict[str, Any]]
    additional_kwargs: NotRequired[dict[str, Any]]
    response_metadata: NotRequired[dict[str, Any]]


@_CLOSED
class _Answer(_Plain):
    type: Literal["ai"]  # type: ignore[misc]
    tool_calls: NotRequired[_Listed[_Call]]
    invalid_tool_calls: NotRequired[_Listed[_InvalidCall]]
    usage_metadata: NotRequired[dict[str, Any]]


@_CLOSED
class _Result(_Plain):
    type: Literal["tool"]  # type: ignore[misc]
    tool_call_id: str
    artifact: NotRequired[Any]
    status: Literal["success", "error"]


# langchain-core's own classes would add, turn or run into what does not fit them.
_FORMS: dict[str, TypeAdapter[Any]] = {
    "human": TypeAdapter(_Plain),
    "ai": TypeAdapter(_Answer),
    "system": TypeAdapter(_Plain),
    "tool": TypeAdapter(_Result),
}


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: Any) -> str:
    """A JSON-able value as text, the same for equal values."""
    return _ENCODER.encode(value)


def digest(value: Any) -> str:
    """A short hash of a JSON-able value, independent of the order of its keys."""
    return hashlib.blake2b(canonical(value).encode(), digest_size=12).hexdigest()


def read_json(text: str) -> Any:
    """The JSON value in the text.

    Raises ValueError with what is wrong; also for what a checkpoint or JSON cannot hold: an
    integer beyond 64 bits, NaN, infinity, and nesting without end.
    """
    try:
        return json.loads(
            text, parse_int=_integer, parse_float=_number, parse_constant=_not_a_number
        )
    except RecursionError:
        raise ValueError("nested too deep") from None


def check_nesting(value: Any) -> None:
    """Raise ValueError for what is nested deeper than NESTING_LIMIT, or wider than NAMES_LIMIT."""
    level = [value]
    for _ in range(NESTING_LIMIT):
        level = [part for one in level for part in _parts(one)]
        if not level:
            return
    raise ValueError(f"nested deeper than {NESTING_LIMIT} levels")


def encode_message(message: BaseMessage) -> dict[str, Any]:
    """The message as JSON: its type, and each field that is not empty."""
    if type(message) is not _TYPES.get(message.type):
        raise UnreadableValue(f"a message of type {message.type!r} cannot be written")
    fields = message.model_dump()
    empty: tuple[Any, ...] = (None, [], {}) if message.type != "tool" else (None, {})
    return {
        name: value
        for name, value in fields.items()
        if value not in empty or name in _ALWAYS or (name == "artifact" and value is not None)
    }


def decode_message(value: Any) -> AnyMessage:
    """The message that was encoded. Raises UnreadableValue for anything else."""
    name = str(value.get("type")) if isinstance(value, dict) else ""
    if name not in _TYPES:
        raise UnreadableValue(f"{canonical(value)[:80]} is not a message of ours")
    try:
        _FORMS[name].validate_python(value)
        # A copy: their class corrects what it is given in place.
        message = _TYPES[name].model_validate(dict(value))
    except ValidationError as error:
        where = "; ".join(f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in error.errors())
        raise UnreadableValue(f"a message is not whole: {where[:300]}") from None
    if canonical(encode_message(message)) != canonical(value):
        raise UnreadableValue("a message is not in the form in which it is written")
    return cast(AnyMessage, message)


def encode_state(values: Mapping[str, Any]) -> dict[str, Any]:
    """The channels as JSON."""
    return {
        name: [encode_message(message) for message in value] if name == MESSAGES else value
        for name, value in values.items()
    }


def decode_state(values: Mapping[str, Any]) -> dict[str, Any]:
    """The channels that were encoded. Raises UnreadableValue."""
    return {
        name: [decode_message(message) for message in value] if name == MESSAGES else value
        for name, value in values.items()
    }


def _integer(digits: str) -> int:
    value = int(digits) if len(digits) <= INTEGER_DIGITS else INTEGER_LIMIT
    if not -INTEGER_LIMIT <= value < INTEGER_LIMIT:
        raise ValueError(f"the integer {digits[:INTEGER_DIGITS]} has more than 64 bits")
    return value


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {digits[:NUMBER_SHOWN]} is too large")
    return value


def _not_a_number(name: str) -> float:
    raise ValueError(f"{name} is not a number of JSON")


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        if len(value) > NAMES_LIMIT:
            raise ValueError(f"an object of {len(value)} names; {NAMES_LIMIT} is the most")
        return list(value.values())
    return list(value) if isinstance(value, list) else []
