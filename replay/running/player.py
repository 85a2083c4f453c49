"""Answers exchanges from a recording, and stops at the first one that was not recorded."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

from langchain_core.messages import AnyMessage, HumanMessage, SystemMessage

from graph.codec import digest
from graph.errors import NetForgeError, UnreadableValue
from graph.models.port import spelled as spelled_model
from graph.state import Exchange
from graph.tape import address
from replay.recording import Segment, State
from replay.telling.differences import LINES_LIMIT, limited
from replay.telling.request_difference import request_difference, request_lines

HAND_OVER = "hand_over"
"""The exchange whose request is in full where the analyst begins."""
NO_TEXT = digest("")
"""In place of an empty text, which is not kept."""


class Diverged(NetForgeError):
    """The code asked for something that was not recorded."""

    def __init__(self, at: str, message: str, lines: list[str]) -> None:
        super().__init__(message)
        self.at = at
        self.lines = lines
        """The difference, line by line."""


@dataclass(frozen=True)
class Contents:
    """What requests refer to."""

    messages: Mapping[str, AnyMessage]
    texts: Mapping[str, str]
    handed: State | None = None
    """What the analyst began with; None where that was not recorded."""

    @classmethod
    def of(cls, segment: Segment, handed: State | None) -> Self:
        """What those of that segment refer to. Raises UnreadableValue."""
        texts = {
            key: text
            for entry in [*segment.start.get("exchanges", []), *segment.exchanges]
            for key, text in entry.get("texts", {}).items()
        }
        return cls(segment.messages(), texts, handed)


class TapePlayer:
    """Plays the exchanges of one segment; each is given once.

    Inside an address, those of one kind and name are told apart by their requests. With `accept`
    a request that has changed is answered as the one in its place was.
    """

    def __init__(
        self, exchanges: Iterable[Exchange], contents: Contents, *, accept: bool = False
    ) -> None:
        self._left: dict[tuple[str, str, str], deque[Exchange]] = {}
        self._contents = contents
        self._accept = accept
        self.diverged: Diverged | None = None
        """The first divergence, also where a node has swallowed it."""
        self.handed: State | None = None
        """What the code hands over to the analyst now, where that was accepted."""
        for entry in exchanges:
            self._left.setdefault(_place(entry), deque()).append(entry)

    def take(self, asked: Exchange, spelled: Callable[[], Any]) -> Exchange:
        """See `graph.tape.Player`. Raises Diverged."""
        if self.diverged is not None:
            raise self.diverged
        waiting = self._left.get(_place(asked), deque())
        for entry in waiting:
            if entry["digest"] == asked["digest"]:
                waiting.remove(entry)
                return entry
        if waiting and self._accept:
            if asked["name"] == HAND_OVER:
                self.handed = spelled()["first"]
            return _accepted(waiting.popleft(), asked)
        self.diverged = self._divergence(asked, waiting, spelled)
        raise self.diverged

    def message(self, message_id: str) -> AnyMessage:
        """See `graph.tape.Recorded`."""
        found = self._contents.messages.get(message_id)
        if found is None:
            raise UnreadableValue(f"the recording lacks the message {message_id!r}")
        return found

    def left(self) -> list[Exchange]:
        """What was recorded and has not been asked for."""
        return [entry for waiting in self._left.values() for entry in waiting]

    def _divergence(
        self, asked: Exchange, waiting: Iterable[Exchange], spelled: Callable[[], Any]
    ) -> Diverged:
        at, kind, name = address(asked), asked["kind"], asked["name"]
        recorded = next(iter(waiting), None)
        if recorded is not None:
            lines = request_difference(kind, in_full(recorded, self._contents), spelled())
            return Diverged(at, f"{kind} {name} is asked for something else", lines)
        there = (entry for entry in self.left() if (address(entry), entry["kind"]) == (at, kind))
        known = [
            f"-{line}"
            for entry in islice(there, LINES_LIMIT)
            for line in request_lines(kind, entry["name"], in_full(entry, self._contents))
        ]
        now = [f"+{line}" for line in request_lines(kind, name, spelled())]
        said = f"{kind} {name} is asked, which was not recorded there"
        return Diverged(at, said, limited([*known, *now]))


def in_full(entry: Exchange, contents: Contents) -> Any:
    """A recorded request with what it refers to, as `graph.tape.Digested.spelled` gives it."""
    request = entry["request"]
    if entry["name"] == HAND_OVER:
        return {**request, "first": contents.handed}
    if entry["kind"] != "model":
        return request
    messages = [_message(part, contents) for part in request["messages"]]
    tools = contents.texts.get(request["tools"], "" if request["tools"] == NO_TEXT else None)
    return {**spelled_model(request["model"], messages, ""), "tools": tools}


def _message(part: Any, contents: Contents) -> AnyMessage:
    if isinstance(part, str):
        found = contents.messages.get(part)
        return found if found is not None else _of_type("human", f"[{part} is not recorded]")
    [(kind, key)] = part.items()
    return _of_type(kind, contents.texts.get(key, f"[text {key} is not recorded]"))


def _of_type(kind: str, text: str) -> AnyMessage:
    return SystemMessage(text) if kind == "system" else HumanMessage(text)


def _accepted(recorded: Exchange, asked: Exchange) -> Exchange:
    """The recorded answer to what is asked now."""
    entry = recorded.copy()
    entry.pop("texts", None)
    entry["request"], entry["digest"] = asked["request"], asked["digest"]
    if "texts" in asked:
        entry["texts"] = asked["texts"]
    return entry


def _place(entry: Exchange) -> tuple[str, str, str]:
    return address(entry), entry["kind"], entry["name"]
