"""What a run exchanged, without what is another in every run: names, boundary words, times.

The run's id, the id of its enrichment's thread, the boundary word and cursors become placeholders,
wherever they stand; so do times of ISO 8601 before anything is compared. The clock, identities
and the setup are no exchanges here: they say nothing of what a run did.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage

from graph.codec import decode_message, digest
from graph.errors import UnreadableValue
from graph.receipts import enrichment_thread
from graph.state import Exchange
from graph.tape import address
from replay.recording import Recording
from replay.running.player import Contents, in_full
from replay.telling.brief import call, thought
from replay.telling.story import tape_of

NOT_COMPARED = ("clock", "identity", "setup")
OWN_TIMES = ("seconds", "of_thread", "thread_id")
"""Names in receipts and provenance under which stands what is another in every run."""
RESULT = ("query", "matched", "returned", "text", "unanswered")
"""What a model can see of a tool's result. Its window and its address hold the time of the call,
and its full data is what the text is made from."""
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?")
PLACEHOLDER = "<time>"
CURSOR_LENGTH = 16
"""From so many characters on a cursor holds a place in time, and not the number of a page."""


@dataclass(frozen=True)
class Told:
    """One exchange, made to be compared."""

    at: str
    """Its address."""
    kind: str
    name: str
    request: Any
    """In full."""
    answer: Mapping[str, Any]
    """`status`, `error`, `response`, and the kinds of the attempts that failed before."""
    refers: Sequence[str]
    """For each message of a model's request where it comes from: `plan#1`, `tool#1.0`."""
    key: str
    """Of what is asked, without times."""
    outcome: str
    """Of the answer, without times."""


class Likeness:
    """The exchanges of a recording and its values, made to be compared."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        names = _names(recording)
        self._names = {name: stands_for for name, stands_for in names.items() if name}
        whole = "|".join(map(re.escape, sorted(self._names, key=len, reverse=True)))
        self._pattern = re.compile(rf"(?<![\w-])(?:{whole})(?![\w-])")

    def value(self, value: Any) -> Any:
        """A JSON-able value with placeholders for what is another in every run."""
        if isinstance(value, str):
            return self._pattern.sub(lambda found: self._names[found[0]], value)
        if isinstance(value, Mapping):
            return {key: self.value(part) for key, part in value.items()}
        return [self.value(part) for part in value] if isinstance(value, list) else value

    def exchanges(self) -> Iterator[Told]:
        """What is compared, in its order; of a fork also what it has from its parent.

        Raises UnreadableValue.
        """
        texts = {
            key: text
            for segment in self._recording.segments
            for entry in tape_of(segment)
            for key, text in entry.get("texts", {}).items()
        }
        begun: set[str] = set()
        for segment in self._recording.segments:
            contents = Contents(segment.messages(), texts)
            entries = segment.exchanges if segment.of in begun else tape_of(segment)
            begun.add(segment.of)
            for entry in entries:
                if "measured" not in entry:
                    raise UnreadableValue(
                        f"run {self._recording.run_id} was recorded by a version that kept too "
                        "little to compare it; see `show`"
                    )
                if entry["kind"] not in NOT_COMPARED:
                    yield self._told(entry, contents)

    def _told(self, entry: Exchange, contents: Contents) -> Told:
        request = self.value(_request(entry, contents))
        answer: dict[str, Any] = {
            "status": entry["status"],
            "error": entry["error"],
            "response": _response(entry, contents.messages),
        }
        if attempts := entry["measured"].get("attempts"):
            answer["failed attempts"] = [attempt.get("kind") for attempt in attempts]
        answer = self.value(answer)
        return Told(
            at=address(entry),
            kind=entry["kind"],
            name=entry["name"],
            request=request,
            answer=answer,
            refers=[self.value(name).removeprefix("<run>:") for name in _refers(entry)],
            key=digest(without_times(request)),
            outcome=digest(without_times(answer)),
        )


def without_times(value: Any) -> Any:
    """A JSON-able value with every time of ISO 8601 the same."""
    if isinstance(value, str):
        return TIME.sub(PLACEHOLDER, value)
    if isinstance(value, Mapping):
        return {key: without_times(part) for key, part in value.items()}
    return [without_times(part) for part in value] if isinstance(value, list) else value


def _names(recording: Recording) -> dict[str, str]:
    known = {recording.run_id: "<run>", enrichment_thread(recording.run_id): "<enrichment>"}
    for segment in recording.segments:
        for state in segment.states():
            turn, fork = state.get("turn"), state.get("fork")
            if turn and turn["id"] == recording.run_id:
                known[turn["boundary"]] = "<boundary>"
            if fork and fork["run_id"] == recording.run_id:
                known[fork["parent"]] = "<run>"
                known[enrichment_thread(fork["parent"])] = "<enrichment>"
        for message in segment.messages().values():
            result = getattr(message, "artifact", None)
            cursor = result.get("cursor") if isinstance(result, dict) else None
            if cursor and len(cursor) >= CURSOR_LENGTH:
                known[cursor] = "<cursor>"
    return known


def _request(entry: Exchange, contents: Contents) -> Any:
    request = in_full(entry, contents)
    if not isinstance(request, Mapping):
        return request
    if entry["kind"] == "run":
        # The rest of it is the outcome, which is compared on its own.
        return {"turn": request.get("turn")}
    if entry["kind"] == "detach":
        # What it hands over comes from the exchanges before it.
        request = {name: value for name, value in request.items() if name != "first"}
    return _without_own(request) if entry["kind"] in ("memory", "detach") else request


def _response(entry: Exchange, messages: Mapping[str, AnyMessage]) -> Any:
    response = entry["response"]
    if not isinstance(response, Mapping):
        return response
    if "message" in response:
        answer = messages.get(response["message"])
        return _said(answer) if isinstance(answer, AIMessage) else None
    if "in_full" in response:
        answer = decode_message(response["in_full"])
        return _said(answer) if isinstance(answer, AIMessage) else None
    if "artifact" in response:
        result = getattr(messages.get(response["artifact"]), "artifact", None)
        return {name: result.get(name) for name in RESULT} if isinstance(result, dict) else None
    return _without_own(response) if entry["kind"] in ("memory", "detach") else response


def _said(answer: AIMessage) -> dict[str, Any]:
    """What a model's answer says; its ids are the provider's own."""
    said = {
        "text": answer.text,
        "calls": "\n".join(call(entry["name"], entry["args"], None) for entry in answer.tool_calls),
        "malformed": [entry["error"] for entry in answer.invalid_tool_calls],
        "thought": thought(answer.model_dump(include={"additional_kwargs"})),
        "finish_reason": answer.response_metadata.get("finish_reason"),
    }
    return {name: value for name, value in said.items() if value}


def _without_own(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_own(part) for key, part in value.items() if key not in OWN_TIMES}
    return [_without_own(part) for part in value] if isinstance(value, list) else value


def _refers(entry: Exchange) -> Iterator[str]:
    if entry["kind"] == "model":
        for part in entry["request"]["messages"]:
            yield part if isinstance(part, str) else f"{next(iter(part))} text"
