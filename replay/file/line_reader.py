"""Reads a recording from the lines of a file, one by one; each must be one that fits there."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from graph.errors import UnreadableValue
from graph.untrusted import printable
from replay.file.coherence import Coherence
from replay.file.lines import VALUES_LIMIT, UnreadableRecording, parsed
from replay.file.schema import check_moment, check_run, check_value
from replay.recording import STEPS_LIMIT, Change, Segment, State, Step

WORDS_LIMIT = 300
"""Characters of what is said to be wrong; it may hold what stands in the file."""


class LineReader:
    """Takes the lines up to the last one. Methods raise UnreadableRecording with the line."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._place = 0
        self._ahead: tuple[int, Any] = (-1, None)
        self._states = 0
        self._exchanged: list[tuple[int, Any]] = []
        self._answers = 0

    def run(self) -> Mapping[str, Any]:
        """The first line's row of a run."""
        head = self._take("tape", "run")
        with self._at(self._place):
            check_run(head["run"])
        return dict(head["run"])

    def segments(self) -> list[Segment]:
        """What the lines after the first hold."""
        found: list[Segment] = []
        while not self._at_end():
            head = self._take("at", "following", "segment")
            of, before = head["segment"], found[-1].of if found else "turn"
            if of not in ("turn", "enrichment") or (of == "turn" and before != "turn"):
                raise self._wrong()
            following, at = self._state(head)
            with self._at(self._place):
                fit = Coherence(following)
            start = self._start(fit)
            # Those of an earlier part may refer to what an edit has replaced since.
            self._exchanged.clear()
            found.append(Segment(of, start, following, self._steps(fit), at))
            for place, entry in self._exchanged:
                with self._at(place):
                    self._refers(fit, entry)
        return found

    def _refers(self, fit: Coherence, entry: Any) -> None:
        self._answers += fit.refers(entry)
        if self._answers > VALUES_LIMIT:
            raise UnreadableValue(
                f"the answers so far come to {self._answers} values; {VALUES_LIMIT} is the most"
            )

    def _start(self, fit: Coherence) -> State:
        state: dict[str, Any] = {}
        while self._is("start"):
            line = self._take_any()
            name = self._name(line, "start", state)
            if set(line) == {"start", "list"}:
                state[name] = self._entries(line, name, fit)
            else:
                state[name] = self._value(line, "start", name)
        return state

    def _steps(self, fit: Coherence) -> list[Step]:
        steps = []
        while self._is("step"):
            head = self._take("at", "following", "step")
            visits = self._texts(head["step"])
            following, at = self._state(head)
            with self._at(self._place):
                fit.step(visits, following)
            steps.append(Step(visits, self._changes(fit), following, at))
        return steps

    def _changes(self, fit: Coherence) -> dict[str, Change]:
        made: dict[str, Change] = {}
        while self._is("change"):
            line = self._take_any()
            name = self._name(line, "change", made)
            if set(line) == {"change", "keep", "list"}:
                keep = self._number(line["keep"])
                with self._at(self._place):
                    fit.keeps(name, keep)
                made[name] = {"keep": keep, "then": self._entries(line, name, fit)}
            else:
                made[name] = {"value": self._value(line, "change", name)}
        return made

    def _value(self, line: Mapping[str, Any], what: str, name: str) -> Any:
        if set(line) != {what, "value"}:
            raise self._wrong()
        with self._at(self._place):
            check_value(name, line["value"])
        return line["value"]

    def _entries(self, line: Mapping[str, Any], name: str, fit: Coherence) -> list[Any]:
        with self._at(self._place):
            fit.begins(name)
        entries = []
        for _ in range(self._number(line["list"])):
            entry = self._take("entry")["entry"]
            with self._at(self._place):
                fit.entry(name, entry)
            if name == "exchanges":
                self._exchanged.append((self._place, entry))
            entries.append(entry)
        return entries

    def _state(self, head: Mapping[str, Any]) -> tuple[list[str], str]:
        """What follows, and when."""
        following, at = self._texts(head["following"]), head["at"]
        self._states += 1
        if self._states > STEPS_LIMIT:
            raise UnreadableRecording(f"line {self._place}: {STEPS_LIMIT} steps are the most")
        if not isinstance(at, str):
            raise self._wrong()
        if at:
            with self._at(self._place):
                check_moment(at)
        return following, at

    def _texts(self, value: Any) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            raise self._wrong()
        return value

    def _number(self, value: Any) -> int:
        if type(value) is not int or not 0 <= value <= len(self._lines):
            raise self._wrong()
        return value

    def _name(self, line: Mapping[str, Any], what: str, known: Mapping[str, Any]) -> str:
        name = line[what]
        if not isinstance(name, str) or name in known:
            raise self._wrong()
        return name

    def _is(self, what: str) -> bool:
        if self._at_end():
            return False
        line = self._look()
        return isinstance(line, dict) and what in line

    def _take(self, *names: str) -> dict[str, Any]:
        line = self._take_any()
        if set(line) != set(names):
            raise self._wrong()
        return line

    def _take_any(self) -> dict[str, Any]:
        if self._at_end():
            raise UnreadableRecording("it is not whole: lines are missing at its end")
        line = self._look()
        self._place += 1
        if not isinstance(line, dict):
            raise self._wrong()
        return line

    def _look(self) -> Any:
        if self._ahead[0] != self._place:
            self._ahead = self._place, parsed(self._place + 1, self._lines[self._place])
        return self._ahead[1]

    def _at_end(self) -> bool:
        return self._place >= len(self._lines) - 1

    def _wrong(self) -> UnreadableRecording:
        return UnreadableRecording(f"line {self._place} is not one that can stand there")

    @contextmanager
    def _at(self, place: int) -> Iterator[None]:
        try:
            yield
        except UnreadableValue as error:
            said = printable(str(error))[:WORDS_LIMIT]
            raise UnreadableRecording(f"line {place}: {said}") from None
