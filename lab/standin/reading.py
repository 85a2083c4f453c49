"""How the stand-in reads the wire: the turn so far, and the tables in tool results."""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from lab.standin.hints import Hint, hints_on

_HEADER = re.compile(
    r"^(E\d+) status=(\w+)(?: source=\S+(?: window=(\S+)/\S+)?(?: matched=(\d+) returned=(\d+))?)?"
)
_FENCED = re.compile(r"^--- (\S+) data\n(.*?)\n--- \1 end", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Result:
    """One answered call of this turn."""

    name: str
    args: dict[str, Any]
    evidence: str
    """The evidence id; empty when the call was not run."""
    status: str
    text: str
    start: str = ""
    """The first moment of the window; empty when there is no window."""
    left_out: int = 0
    """How many matched and are not in it."""

    @property
    def unread(self) -> bool:
        """Whether what it would show is not known: the call failed, or was not run."""
        return self.status not in ("ok", "no_data")

    @property
    def rows(self) -> list[dict[str, str]]:
        """The rows of the first table in the result, by column; none when there is no table."""
        return next(iter(self.tables), [])

    @property
    def tables(self) -> list[list[dict[str, str]]]:
        """The rows of each table: lines with tabs that follow each other, the columns first."""
        if self.status != "ok":
            return []
        found = []
        for is_table, lines in groupby(self.text.splitlines(), key=lambda line: "\t" in line):
            if is_table:
                columns, *rows = (line.split("\t") for line in lines)
                found.append([dict(zip(columns, row, strict=False)) for row in rows])
        return found


@dataclass(frozen=True)
class TurnSoFar:
    """What the wire says about the turn that is being answered."""

    question: str
    offered: frozenset[str]
    results: list[Result] = field(default_factory=list)
    hints: list[Hint] = field(default_factory=list)
    """From memory, the likeliest first."""

    @property
    def failed(self) -> list[Result]:
        """The results that say error."""
        return [result for result in self.results if result.status == "error"]

    def of(self, tool: str, /, **args: Any) -> list[Result]:
        """The results of that tool whose arguments include these."""
        return [
            result
            for result in self.results
            if result.name == tool and args.items() <= result.args.items()
        ]


def number(row: dict[str, str], column: str) -> float:
    """The number in that cell; 0 when there is none."""
    try:
        return float(row.get(column, ""))
    except ValueError:
        return 0.0


def moment(text: str) -> datetime | None:
    """The moment of a cell in ISO 8601, in UTC where it names no zone; None when it is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def place_of(name: str, question: str) -> int:
    """Where the question names that component itself, not one of a longer name; -1 if nowhere."""
    whole_name = rf"(?<![\w.-]){re.escape(name.lower())}(?![\w-]|\.\w)"
    found = re.search(whole_name, question.lower())
    return found.start() if found else -1


def turn_so_far(request: dict[str, Any]) -> TurnSoFar:
    """The latest question and the calls answered since."""
    messages = request["messages"]
    asked = [i for i, message in enumerate(messages) if _asks(message)]
    start = asked[-1] if asked else 0
    calls: dict[str, Any] = {}
    results = []
    for message in messages[start + 1 :]:
        for call in message.get("tool_calls") or []:
            calls[call["id"]] = call["function"]
        if message["role"] == "tool" and message["tool_call_id"] in calls:
            results.append(_result(calls[message["tool_call_id"]], message["content"]))
    offered = frozenset(tool["function"]["name"] for tool in request.get("tools") or [])
    system = str(messages[0]["content"]) if messages[0]["role"] == "system" else ""
    return TurnSoFar(str(messages[start]["content"]), offered, results, hints_on(system))


def _asks(message: dict[str, Any]) -> bool:
    """Whether it is a person's question, and not the agent's own word about a budget."""
    return message["role"] == "user" and not str(message["content"]).startswith(
        ("The budget of this turn", "Your last reply was empty")
    )


def _result(function: dict[str, Any], content: str) -> Result:
    header = _HEADER.search(content)
    fenced = _FENCED.search(content)
    return Result(
        name=function["name"],
        args=json.loads(function["arguments"] or "{}"),
        evidence=header.group(1) if header else "",
        status=header.group(2) if header else "refused",
        text=fenced.group(2) if fenced else "",
        start=(header.group(3) or "") if header else "",
        left_out=int(header.group(4) or 0) - int(header.group(5) or 0) if header else 0,
    )
