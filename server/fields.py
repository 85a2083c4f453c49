"""What a field of a request may hold, where a length alone does not say it."""

import math
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from graph.question import is_storable
from graph.run import moment

NAME = r"[A-Za-z0-9._:-]{1,200}"
MAX_DEPTH = 32
MAX_INTEGER = 2**63 - 1


def _storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError("it holds a NUL or half a character (a lone surrogate)")
    return text


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """The object when each of its parts can be kept and shown again as JSON.

    Python's parser also takes NaN, half characters, and a nesting that it cannot write.
    """
    waiting: list[tuple[Any, int]] = [(value, 1)]
    while waiting:
        part, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
        if isinstance(part, dict):
            waiting += [(inner, depth + 1) for inner in (*part.keys(), *part.values())]
        elif isinstance(part, list):
            waiting += [(inner, depth + 1) for inner in part]
        elif isinstance(part, str):
            _storable(part)
        elif isinstance(part, float) and not math.isfinite(part):
            raise ValueError("it holds a number that is not finite")
        elif isinstance(part, int) and abs(part) > MAX_INTEGER:
            raise ValueError("it holds an integer of more than 64 bits")
    return value


Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
"""A name that is safe in a header, a path and a log line: thread, run, Idempotency-Key."""
Text = Annotated[
    str, AfterValidator(_storable), Field(json_schema_extra={"pattern": "^[^\\u0000]*$"})
]
"""Text that every database takes."""
JsonObject = Annotated[dict[str, Any], AfterValidator(_plain)]
"""An object of any keys that can be kept, and shown again."""
Moment = Annotated[
    str, AfterValidator(moment), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""A time, as the rows hold theirs; UTC where no offset is given."""


class Parameters(BaseModel):
    """Query parameters of a route; a mistyped name is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")
