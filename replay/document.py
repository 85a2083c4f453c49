"""A recording as one text file: JSON lines, one value or list entry a line, always the same text.

The last line holds a digest of those before it, so that an edit, a lost line or a flipped bit
is seen. A file is untrusted all the same: it is read by a form that has no room for anything
but values, and nothing in it is imported or run.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graph.codec import canonical, check_nesting, read_json
from graph.errors import UnreadableValue
from replay.recording import KEPT, Change, Recording, Segment, State, Step
from replay.schema import check_channel

VERSION = 1
CHARACTERS_LIMIT = 50_000_000
LINES_LIMIT = 500_000


class UnreadableRecording(UnreadableValue):
    """A file that is not a recording that this version wrote; says where and what to do."""


def to_text(recording: Recording) -> str:
    """The file of it. Raises UnreadableValue for what no file could hold."""
    lines = [canonical(line) for line in _lines(recording)]
    body = "".join(f"{line}\n" for line in lines)
    end = {"end": _digest(body), "lines": len(lines)}
    return f"{body}{canonical(end)}\n"


def from_text(text: str) -> Recording:
    """The recording in that text. Raises UnreadableRecording."""
    if len(text) > CHARACTERS_LIMIT or text.count("\n") > LINES_LIMIT:
        raise UnreadableRecording(f"it has {len(text)} characters, more than any recording")
    lines = text.split("\n")
    if len(lines) < 3 or lines.pop() != "":
        raise UnreadableRecording("it is not whole: the last line does not end")
    reader = _Reader([_parsed(number, line) for number, line in enumerate(lines, 1)])
    head = reader.first()
    body = "".join(f"{line}\n" for line in lines[:-1])
    if reader.end() != {"end": _digest(body), "lines": len(lines) - 1}:
        raise UnreadableRecording(
            "it is not as it was exported: a line was changed, lost or added; export it again"
        )
    found = Recording(head, reader.segments())
    for segment in found.segments:
        _check(segment)
    return found


def _lines(recording: Recording) -> Iterator[dict[str, Any]]:
    yield {"tape": VERSION, "run": dict(recording.run)}
    for segment in recording.segments:
        yield {"segment": segment.of, "following": list(segment.following), "at": segment.at}
        for name in sorted(segment.start):
            yield from _value("start", name, segment.start[name])
        for step in segment.steps:
            yield {"step": list(step.visits), "following": list(step.following), "at": step.at}
            for name in sorted(step.changes):
                change = step.changes[name]
                if "keep" in change:
                    rest = change["then"]
                    yield {"change": name, "keep": change["keep"], "list": len(rest)}
                    yield from ({"entry": entry} for entry in rest)
                else:
                    yield from _value("change", name, change["value"])


def _value(what: str, name: str, value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield {what: name, "list": len(value)}
        yield from ({"entry": entry} for entry in value)
    else:
        yield {what: name, "value": value}


def _digest(body: str) -> str:
    return hashlib.blake2b(body.encode(), digest_size=16).hexdigest()


def _parsed(number: int, line: str) -> Any:
    try:
        value = read_json(line)
        check_nesting(value)
        if canonical(value) != line:
            raise ValueError("it is not written as this version writes it")
    except ValueError as error:
        raise UnreadableRecording(f"line {number}: {error}") from None
    return value


class _Reader:
    """Takes the lines one by one; each must be one that may stand there."""

    def __init__(self, lines: Sequence[Any]) -> None:
        self._lines = lines
        self._place = 0

    def first(self) -> Mapping[str, Any]:
        head = self._take("tape", "run")
        if head["tape"] != VERSION:
            raise UnreadableRecording(
                f"it is of version {head['tape']!r}; this code reads version {VERSION}"
            )
        run = head["run"]
        if not isinstance(run, dict) or set(run) != set(KEPT):
            raise self._wrong()
        return run

    def end(self) -> Any:
        return self._lines[-1]

    def segments(self) -> list[Segment]:
        found = []
        while self._place < len(self._lines) - 1:
            head = self._take("at", "following", "segment")
            if head["segment"] not in ("turn", "enrichment"):
                raise self._wrong()
            start = self._start()
            steps = self._steps()
            found.append(
                Segment(head["segment"], start, self._names(head), steps, self._moment(head))
            )
        return found

    def _start(self) -> State:
        state: dict[str, Any] = {}
        while self._is("start"):
            line = self._take_any()
            state[self._name(line, "start", state)] = self._content(line, "start")
        return state

    def _steps(self) -> list[Step]:
        steps = []
        while self._is("step"):
            head = self._take("at", "following", "step")
            visits = head["step"]
            if not visits or not _is_texts(visits):
                raise self._wrong()
            made: dict[str, Change] = {}
            while self._is("change"):
                line = self._take_any()
                name = self._name(line, "change", made)
                if set(line) == {"change", "keep", "list"}:
                    keep = self._number(line["keep"])
                    made[name] = {"keep": keep, "then": self._entries(line)}
                else:
                    made[name] = {"value": self._content(line, "change")}
            steps.append(Step(visits, made, self._names(head), self._moment(head)))
        return steps

    def _content(self, line: Mapping[str, Any], what: str) -> Any:
        if set(line) == {what, "list"}:
            return self._entries(line)
        if set(line) == {what, "value"} and not isinstance(line["value"], list):
            return line["value"]
        raise self._wrong()

    def _entries(self, line: Mapping[str, Any]) -> list[Any]:
        return [self._take("entry")["entry"] for _ in range(self._number(line["list"]))]

    def _number(self, value: Any) -> int:
        if type(value) is not int or not 0 <= value <= len(self._lines):
            raise self._wrong()
        return value

    def _name(self, line: Mapping[str, Any], what: str, known: Mapping[str, Any]) -> str:
        name = line[what]
        if not isinstance(name, str) or name in known:
            raise self._wrong()
        return name

    def _names(self, line: Mapping[str, Any]) -> list[str]:
        if not _is_texts(line["following"]):
            raise self._wrong()
        return list(line["following"])

    def _moment(self, line: Mapping[str, Any]) -> str:
        if not isinstance(line["at"], str):
            raise self._wrong()
        return line["at"]

    def _is(self, what: str) -> bool:
        line = self._lines[self._place]
        return isinstance(line, dict) and what in line and self._place < len(self._lines) - 1

    def _take(self, *names: str) -> dict[str, Any]:
        line = self._take_any()
        if set(line) != set(names):
            raise self._wrong()
        return line

    def _take_any(self) -> dict[str, Any]:
        if self._place >= len(self._lines) - 1:
            raise UnreadableRecording("it is not whole: lines are missing at its end")
        line = self._lines[self._place]
        self._place += 1
        if not isinstance(line, dict):
            raise self._wrong()
        return line

    def _wrong(self) -> UnreadableRecording:
        return UnreadableRecording(f"line {self._place} is not one that can stand there")


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _check(segment: Segment) -> None:
    """Raise UnreadableRecording for channels that are not of this graph's state."""
    for name, value in segment.start.items():
        check_channel(name, value)
    for step in segment.steps:
        for name, change in step.changes.items():
            check_channel(name, change["then"] if "keep" in change else change["value"])
    segment.messages()
