"""The commands of a Logs Insights query, and what they make of the rows."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from lab.aws.answers.insights_filter import Row, condition, malformed, ordered
from lab.aws.answers.insights_pattern import patterns
from lab.aws.answers.insights_stats import stats

LIMIT = 10_000
"""Rows of an answer, when the query says nothing and at most."""
_COMMAND = re.compile(r"(?:\\.|/(?:\\.|[^/\\\n])+/|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[^|])+")
_SHOWN = ["@timestamp", "@message"]


@dataclass
class Rows:
    """What is left of the rows, which fields are shown, and how many lines matched."""

    rows: list[Row]
    shown: list[str] | None
    matched: int
    limit: int | None = None


Command = Callable[[Rows], None]


def parse(text: str) -> list[Command]:
    """The commands, in order.

    Raises Refused (MalformedQueryException) for what the lab cannot read.
    """
    commands = []
    for each in _COMMAND.findall(re.sub(r"(?m)^\s*#.*$", "", text)):
        name, _, rest = each.strip().partition(" ")
        if not name:
            continue
        if name.lower() not in _COMMANDS:
            raise malformed(f"the lab knows no command {name!r}")
        commands.append(_COMMANDS[name.lower()](rest.strip()))
    if not commands:
        raise malformed("the query is empty")
    return commands


def run(commands: list[Command], rows: list[Row], limit: int) -> Rows:
    """What the commands make of these rows; `limit` is the request's own, 0 for none."""
    rows.sort(key=lambda row: row["@timestamp"], reverse=True)
    state = Rows(rows, None, len(rows))
    for command in commands:
        command(state)
    most = min(limit or LIMIT, LIMIT if state.limit is None else state.limit, LIMIT)
    shown = _SHOWN if state.shown is None else state.shown
    kept = [*shown, *(["@ptr"] if "@ptr" not in shown else [])]
    state.rows = [{name: row[name] for name in kept if name in row} for row in state.rows[:most]]
    return state


def _fields(text: str) -> Command:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or any(re.search(r"[\s()]", name) for name in names):
        raise malformed(f"the lab shows fields as they are: {text!r}")

    def command(state: Rows) -> None:
        state.shown = [*(state.shown or []), *names]

    return command


def _display(text: str) -> Command:
    add = _fields(text)

    def command(state: Rows) -> None:
        state.shown = []
        add(state)

    return command


def _filter(text: str) -> Command:
    matches = condition(text)

    def command(state: Rows) -> None:
        state.rows = [row for row in state.rows if matches(row)]
        state.matched = len(state.rows)

    return command


def _sort(text: str) -> Command:
    keys = []
    for each in text.split(","):
        name, _, order = each.strip().rpartition(" ")
        if order.lower() not in ("asc", "desc") or not name:
            name, order = each.strip(), "asc"
        keys.append((name.strip(), order.lower() == "desc"))

    def command(state: Rows) -> None:
        for name, descending in reversed(keys):
            state.rows.sort(key=_by(name), reverse=descending)

    return command


def _limit(text: str) -> Command:
    if not text.isdecimal() or not 0 < int(text) <= LIMIT:
        raise malformed(f"a limit is from 1 to {LIMIT}")

    def command(state: Rows) -> None:
        state.limit = min(int(text), state.limit or LIMIT)
        state.rows = state.rows[: int(text)]

    return command


def _stats(text: str) -> Command:
    gather = stats(text)

    def command(state: Rows) -> None:
        state.rows, state.shown = gather(state.rows)

    return command


def _pattern(text: str) -> Command:
    def command(state: Rows) -> None:
        state.rows, state.shown = patterns(state.rows, text)

    return command


def _by(name: str) -> Callable[[Row], tuple[int, float, str]]:
    return lambda row: ordered(row.get(name, ""))


_COMMANDS: dict[str, Callable[[str], Command]] = {
    "fields": _fields,
    "display": _display,
    "filter": _filter,
    "sort": _sort,
    "limit": _limit,
    "head": _limit,
    "stats": _stats,
    "pattern": _pattern,
}
