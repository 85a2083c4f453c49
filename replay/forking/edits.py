"""Edits of the state before a step that is to be forked."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from graph.codec import MESSAGES, check_nesting
from graph.errors import InvalidQuestion, UnreadableValue
from graph.question import check_question, is_storable
from graph.redaction import Redactor
from graph.run import texts_of
from replay.file.schema import check_entry, check_value, is_list
from replay.forking.points import ForkRefused, Point, question_id
from replay.recording import State

QUESTION = "question"
_ASKED = ("focus", "alert", "budgets")
"""What came with the question; once the turn has begun it is part of the turn."""
_SETTABLE = {
    "begins": (MESSAGES, "evidence", QUESTION, *_ASKED),
    "turn": (MESSAGES, "evidence", QUESTION, *_ASKED, "spent", "recalled", "sent_back", "failure"),
    "enrichment": (MESSAGES, "evidence"),
}
"""What the steps from there on read and do not set themselves."""


def edited(point: Point, values: Mapping[str, Any], run_id: str, redactor: Redactor) -> Point:
    """The point with these channels set; `question` is the text of the question.

    An alert is redacted, as one that comes with a question is. Raises ForkRefused for what cannot
    be set there, or does not fit the rest.
    """
    allowed = _SETTABLE["begins" if point.begins else point.of]
    for name, value in values.items():
        if name not in allowed:
            said = f"{name!r} cannot be set before {point.at}; these can: {', '.join(allowed)}"
            raise ForkRefused(said)
        _check(name, value)
    state = dict(point.state)
    turn = dict(state.get("turn") or {})
    for name, value in values.items():
        if name == QUESTION:
            continue
        place = turn if name in _ASKED and not point.begins else state
        place[name] = redactor.value(value) if name == "alert" else value
    if QUESTION in values:
        turn[QUESTION] = values[QUESTION]
        state[MESSAGES] = _asking(state, values[QUESTION])
    if not point.begins:
        state["turn"] = turn
    made = replace(point, state=state)
    if made.begins and not point.begins:
        raise ForkRefused(
            f"{MESSAGES}: the latest human message must be the question, "
            f"{point.state['turn']['message_id']}"
        )
    if problem := made.problem(run_id):
        raise ForkRefused(f"with these values {problem}")
    return made


def _check(name: str, value: Any) -> None:
    try:
        check_nesting(value)
        if name == QUESTION:
            if not isinstance(value, str):
                raise ForkRefused("the question must be a text")
            check_question(value)
        else:
            _check_channel(name, value)
    except ValueError as error:
        raise ForkRefused(f"{name}: {error}") from None
    except (UnreadableValue, InvalidQuestion) as error:
        # What is wrong with a message does not name its channel.
        where = f"{name}: " if name == MESSAGES else ""
        raise ForkRefused(f"{where}{error}") from None
    if not all(map(is_storable, texts_of(value))):
        raise ForkRefused(f"{name}: a text in it holds a NUL or half a character")


def _check_channel(name: str, value: Any) -> None:
    if not is_list(name):
        check_value(name, value)
        return
    if not isinstance(value, list):
        raise ForkRefused(f"channel {name}: it holds a list")
    for entry in value:
        check_entry(name, entry)


def _asking(state: State, question: str) -> list[Any]:
    """The messages with another question in the place of the one that was asked."""
    asked_by = question_id(state)
    return [
        {**message, "content": question} if message.get("id") == asked_by else message
        for message in state.get(MESSAGES, [])
    ]
