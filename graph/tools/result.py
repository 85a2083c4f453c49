"""What a tool returns, and how it is shaped for a model's eyes."""

import math
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from graph.codec import INTEGER_LIMIT
from graph.untrusted import fenced, printable

ARGUMENTS = "arguments"
"""The source of a result whose call was refused for its arguments: no estate was asked."""
CHARACTERS_PER_TOKEN = 4
CUT_NOTE = 80
"""Characters that the line about a cut may take."""
CELL_LIMIT = 200
"""Characters of one table cell."""


class ToolResult(BaseModel):
    """The answer of one tool call.

    `no_data`: it was looked for and is not there. `error`: it is not known; `error` holds the
    source's own words, and `query` exactly what was asked.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Literal["ok", "no_data", "error"]
    source: str
    query: str
    window: str | None = None
    matched: int = 0
    returned: int = 0
    cursor: str | None = None
    """What to pass as `cursor` for the next part; None when there is none."""
    url: str | None = None
    """Where a person sees the same."""
    text: str = ""
    """The compact form."""
    data: Any = None
    """The full data, JSON-able."""
    error: str | None = None
    unanswered: dict[str, str] = Field(default_factory=dict)
    """Of a result from several sources: those that failed, each with its own words."""

    @field_validator("data")
    @classmethod
    def _numbers_as_json_has_them(cls, data: Any) -> Any:
        return _storable(data)

    def content(self, evidence_id: str, boundary: str, max_tokens: int) -> str:
        """The result as a model reads it: a header, then the text between fences, cut to size."""
        window = f" window={self.window}" if self.window else ""
        header = (
            f"{evidence_id} status={self.status} source={self.source}{window} "
            f"matched={self.matched} returned={self.returned}"
        )
        body = _lines(self.error or "") if self.status == "error" else self.text
        if self.cursor:
            # The same time, for `last 1h` is another one by then.
            same = f" and window={self.window}" if self.window else ""
            body = f"[there is more: ask with cursor={printable(self.cursor)}{same}]\n{body}"
        if not body:
            return header
        frame = len(header) + len(fenced("", boundary)) + CUT_NOTE
        kept = _cut(body, max_tokens * CHARACTERS_PER_TOKEN - frame)
        return f"{header}\n{fenced(kept, boundary)}"


def _storable(value: Any) -> Any:
    """The value with numbers that neither JSON nor a checkpoint can hold in words."""
    if isinstance(value, dict):
        return {name: _storable(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_storable(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and not -INTEGER_LIMIT <= value < INTEGER_LIMIT:
        return str(value)
    return value


def _lines(words: str) -> str:
    """What a source says of its failure, line by line without characters that do not show."""
    return "\n".join(map(printable, words.split("\n")))


def table(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> str:
    """The rows as tab-separated values under a line of column names; an empty cell is `-`."""
    lines = ["\t".join(columns)]
    lines += ["\t".join(_cell(row.get(column)) for column in columns) for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None or value in ("", []):
        return "-"
    parts = value if isinstance(value, list) else [value]
    return printable(",".join(_scalar(part) for part in parts))[:CELL_LIMIT]


def _scalar(value: Any) -> str:
    """A number with its digits, without a tail of zeros; anything else as text."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "-" if value is None else str(value)


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    kept = text[:limit].rpartition("\n")[0]
    if not kept:
        return f"{text[:limit]}\n[{len(text) - limit} more characters cut; ask for less]"
    lost = text.count("\n") - kept.count("\n")
    return f"{kept}\n[{lost} more lines cut; ask for less]"
