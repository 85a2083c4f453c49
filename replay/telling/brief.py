"""Exchanges and messages in a few words, for one line of a terminal or a table."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from graph.codec import canonical
from graph.report import CONCLUDE
from replay.telling.story import said

ARGUMENTS_LIMIT = 140
"""Characters of the arguments of a call."""
TEXT_LIMIT = 140
OF_THE_TURN = ("turn", "at", "receipt")
"""What many requests say beside what they ask; a receipt is told where the run ends."""
Messages = Mapping[str, Mapping[str, Any]]
"""Messages as JSON, by their ids."""


def asked(entry: Mapping[str, Any]) -> str:
    """What was asked: `get_topology(depth=6)`, `orchestrator: 5 messages to minimax/…`."""
    name, request = entry["name"], entry["request"]
    if entry["kind"] == "tool":
        return call(name, request)
    if entry["kind"] == "model":
        messages, model = request.get("messages", []), request.get("model")
        return f"model {name}: {len(messages)} messages to {model}"
    if isinstance(request, Mapping):
        request = {key: request[key] for key in request if key not in OF_THE_TURN}
    told = f" {cut(canonical(request), ARGUMENTS_LIMIT)}" if request else ""
    return f"{entry['kind']} {name}{told}"


def answered(entry: Mapping[str, Any], messages: Messages) -> str:
    """What came back; empty for an error, which has its own words."""
    response = entry["response"]
    if entry["status"] == "error" or response is None:
        return ""
    if entry["kind"] == "model":
        return words(answer_of(entry, messages))
    if entry["kind"] == "tool":
        found = messages.get(_referred(response), {}).get("artifact") or {}
        told = f"{found.get('returned')} of {found.get('matched')} from {found.get('source')}"
        return told if found else ""
    if isinstance(response, list):
        return f"{len(response)} found"
    if isinstance(response, Mapping) and "status" in response:
        reason = response.get("reason")
        return f"{response['status']}: {reason}" if reason else str(response["status"])
    return cut(canonical(response), TEXT_LIMIT)


def answer_of(entry: Mapping[str, Any], messages: Messages) -> Mapping[str, Any]:
    """The message with which a model answered; empty for a failure."""
    response = entry["response"]
    known = response.get("in_full") if isinstance(response, Mapping) else None
    return messages.get(_referred(response), known or {})


def words(message: Mapping[str, Any]) -> str:
    """What a model said: its call, or the names of several, else its text."""
    calls = message.get("tool_calls") or []
    if len(calls) == 1:
        if calls[0]["name"] == CONCLUDE:
            return _conclusion(calls[0]["args"])
        return call(calls[0]["name"], calls[0]["args"])
    return counted(entry["name"] for entry in calls) or cut(said(message), TEXT_LIMIT)


def thought(message: Mapping[str, Any]) -> str:
    """What a model thought, as far as it says so."""
    return str((message.get("additional_kwargs") or {}).get("reasoning_content") or "")


def _referred(response: Any) -> str:
    """The id of the message that a response is kept in; versions name it differently."""
    if not isinstance(response, Mapping):
        return ""
    return str(response.get("message") or response.get("artifact") or "")


def _conclusion(report: Mapping[str, Any]) -> str:
    """What was concluded, which need not be sound."""
    cause = report.get("root_cause")
    component = cause.get("component") if isinstance(cause, Mapping) else None
    told = f"the cause is {component}" if component else "no cause was found"
    return f"{CONCLUDE}: {cut(told, TEXT_LIMIT)}, {report.get('confidence')} confidence"


def call(name: str, arguments: Any, limit: int | None = ARGUMENTS_LIMIT) -> str:
    """A call as code writes it, its arguments in so many characters, or whole."""
    told = canonical(arguments)
    if isinstance(arguments, Mapping):
        told = ", ".join(f"{key}={canonical(arguments[key])}" for key in sorted(arguments))
    return f"{name}({told if limit is None else cut(told, limit)})"


def counted(names: Iterable[str]) -> str:
    """The names in their order, each once, with how often it is there."""
    numbers = Counter(names).items()
    return ", ".join(f"{name} x{number}" if number > 1 else name for name, number in numbers)


def cut(text: str, limit: int) -> str:
    """The text on one line, with how much of it is left out."""
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[:limit]}… [{len(text) - limit} more]"
