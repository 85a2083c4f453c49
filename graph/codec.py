"""Values of the state as JSON text and back.

A message is an object that names one of four types; everything else is JSON already. Nothing
is imported and nothing is run to read a value, and each has one form: what is read is what
would be written.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, cast

from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from pydantic import ValidationError

from graph.errors import UnreadableValue

INTEGER_LIMIT = 2**63
INTEGER_DIGITS = 20
NESTING_LIMIT = 100
MESSAGES = "messages"
"""The one channel that holds messages."""
_TYPES: dict[str, type[BaseMessage]] = {
    "human": HumanMessage,
    "ai": AIMessage,
    "system": SystemMessage,
    "tool": ToolMessage,
}


def canonical(value: Any) -> str:
    """A JSON-able value as text, the same for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Any) -> str:
    """A short hash of a JSON-able value, independent of the order of its keys."""
    return hashlib.blake2b(canonical(value).encode(), digest_size=12).hexdigest()


def read_json(text: str) -> Any:
    """The JSON value in the text.

    Raises ValueError with what is wrong; also for what a checkpoint cannot hold: an integer
    beyond 64 bits, and nesting without end.
    """
    try:
        return json.loads(text, parse_int=_integer)
    except RecursionError:
        raise ValueError("nested too deep") from None


def check_nesting(value: Any) -> None:
    """Raise ValueError for what is nested deeper than NESTING_LIMIT."""
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
        if value not in empty or name in ("content", "tool_call_id")
    }


def decode_message(value: Any) -> AnyMessage:
    """The message that was encoded. Raises UnreadableValue for anything else."""
    kind = _TYPES.get(str(value.get("type"))) if isinstance(value, dict) else None
    if kind is None:
        raise UnreadableValue(f"{canonical(value)[:80]} is not a message of ours")
    try:
        message = kind.model_validate(value)
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


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list) else []
