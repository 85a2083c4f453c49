"""A run: one question that was asked, how it stands, and what happened in it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict

from graph.errors import InvalidQuestion
from graph.question import check_question, is_storable
from graph.state import BUDGETS, Investigation, fork_of

ALERT_LIMIT = 20_000
"""Characters of an alert, as JSON."""
RunStatus = Literal["queued", "running", "done", "failed", "cancelled"]
FORK = "fork"
"""The origin of a run that goes on from a step of another one."""
STUDIO = "langgraph"
"""The origin of a run that LangGraph's own server made."""


class Run(TypedDict):
    """One row. Times are ISO 8601, UTC, with a `Z`."""

    run_id: str
    thread_id: str
    status: RunStatus
    """`queued`: accepted. `done`: answered. `failed`: the answer says why not."""
    origin: str
    """`http`, `webhook`, `code`, `fork`, or `langgraph` for a run of LangGraph's own server."""
    parent: str | None
    """The run that a fork was taken from; its figures are what it used itself."""
    key: str | None
    key_digest: str | None
    question: str
    focus: list[str]
    alert: dict[str, Any] | None
    budgets: dict[str, float]
    labels: dict[str, str]
    asked_at: str
    ended_at: str | None
    attempts: int
    cancel_asked: bool
    root_cause: str | None
    reason: str | None
    """Why it failed."""
    visits: int
    tool_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    seconds: float
    analyst_input_tokens: int
    """Of the last attempt of its enrichment, as are the next two."""
    analyst_output_tokens: int
    analyst_cost_usd: float


class Conversation(TypedDict):
    """A thread, as the runs on it tell."""

    thread_id: str
    runs: int
    last_asked_at: str


class Event(TypedDict):
    """One thing that happened in a run, as a stream tells it."""

    id: str
    """`<attempt>.<number>`, both counted from 1."""
    event: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A question, and how it is to be run."""

    question: str
    run_id: str
    thread_id: str
    focus: Sequence[str] = ()
    alert: Mapping[str, Any] | None = None
    """What an alerting system sent, from outside and so untrusted."""
    budgets: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    origin: str = "code"
    parent: str | None = None
    key: str | None = None
    """Asking again with the same key answers with the run that has it."""
    key_digest: str | None = None
    """Of what was asked with that key; another one with the same key is refused."""
    queue: bool = False
    """Whether it waits for another run on its thread, instead of being refused."""


def check_asked(asked: Asked, configured: Mapping[str, float]) -> None:
    """Raise InvalidQuestion, with what is wrong, for what cannot be asked.

    `configured` are the budgets of every turn; one of a question may only be lower.
    """
    check_question(asked.question)
    texts = [asked.thread_id, *asked.focus, *asked.labels, *asked.labels.values(), asked.key or ""]
    if not all(map(is_storable, [*texts, *texts_of(asked.alert)])):
        raise InvalidQuestion("something beside the question holds a NUL or half a character")
    length = len(json.dumps(asked.alert, ensure_ascii=False))
    if length > ALERT_LIMIT:
        raise InvalidQuestion(f"the alert has {length} characters; {ALERT_LIMIT} is the most")
    for name, value in asked.budgets.items():
        if name not in BUDGETS:
            raise InvalidQuestion(f"there is no budget {name!r}; there are {', '.join(BUDGETS)}")
        if not 0 < value <= configured[name]:
            raise InvalidQuestion(
                f"budget {name}={value:g}: give more than 0 and at most {configured[name]:g}"
            )


def moment(text: str) -> str:
    """A time of ISO 8601 as the rows hold theirs; UTC where no offset is given.

    Raises ValueError.
    """
    try:
        given = datetime.fromisoformat(text)
        at = (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("it is no time of ISO 8601, such as 2026-11-26T00:00:00Z") from None
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def summary(state: Investigation) -> dict[str, Any]:
    """What the row of a run keeps of the state that it ended with; of a fork, its own part."""
    spent, report, failure = state["spent"], state.get("report"), state.get("failure")
    fork = fork_of(state)
    before = fork.get("spent") if fork else None
    cause = report["root_cause"] if report else None
    kept = ("visits", "tool_calls", "input_tokens", "output_tokens", "cost_usd", "seconds")
    return {
        "root_cause": cause["component"] if cause else None,
        "reason": failure["message"] if failure else None,
        **{name: _beyond(spent, before, name) for name in kept},
    }


def answer_of(state: Investigation) -> dict[str, Any]:
    """What is told of the state that a run ended with."""
    return {
        "answer": state["messages"][-1].text,
        **{name: state.get(name) for name in ("report", "failure", "spent", "enrichment")},
    }


def _beyond(spent: Mapping[str, Any], before: Mapping[str, Any] | None, name: str) -> Any:
    return round(max(spent[name] - before[name], 0), 9) if before else spent[name]


def texts_of(value: Any) -> Iterator[str]:
    """Every text in a JSON-able value, names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from texts_of(name)
            yield from texts_of(part)
    elif isinstance(value, Sequence):
        for part in value:
            yield from texts_of(part)
