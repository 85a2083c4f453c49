"""What the analyst gets of a finished investigation: question, answer, evidence in short form."""

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import HumanMessage, ToolMessage

from graph.state import Evidence, Investigation, evidence_of_turn
from graph.untrusted import fenced

STUDY_ITEMS = 30
STUDY_CHARACTERS = 1200
"""What the analyst gets of the evidence: so many items, so much of each."""
EARLIER_TURNS = 5
"""Turns of the thread that are looked at for one that this turn's enrichment can cover."""


def earlier_turns(state: Investigation) -> list[str]:
    """The turns of the thread before this one that gathered evidence, the latest first."""
    turns = dict.fromkeys(entry["turn_id"] for entry in reversed(state.get("evidence", [])))
    turns.pop(state["turn"]["id"], None)
    return list(turns)[:EARLIER_TURNS]


def coverable(state: Investigation, waiting: Sequence[str]) -> list[str]:
    """The waiting turns when one study holds them and this turn whole; else none of them.

    All or none: one that waits may hold others in its study already.
    """
    held = len(evidence_of_turn(state)) + sum(len(_evidence(state, turn)) for turn in waiting)
    return list(waiting) if held <= STUDY_ITEMS else []


def first_checkpoint(state: Investigation, answer: str, covers: Sequence[str]) -> dict[str, Any]:
    """The channels with which the enrichment's thread begins: the turn, by value.

    The study of the turns in `covers` is part of it; the caller adds the report.
    """
    turn = state["turn"]
    oldest_first = list(reversed(covers))
    own = evidence_of_turn(state)
    parts = [_part(state, answer, own)]
    questions = [f"Question: {turn['question']}"]
    evidence = own
    for earlier in oldest_first:
        gathered = _evidence(state, earlier)
        question, said = _conversation(state, gathered[0])
        questions.insert(-1, f"Earlier question: {question}")
        parts.insert(-1, _part(state, said, gathered))
        evidence = [*gathered, *evidence]
    # The answer quotes the estate too.
    text = "\n\n".join([*questions, fenced("\n\n".join(parts), turn["boundary"])])
    return {
        "messages": [HumanMessage(text, id=f"{turn['id']}:study")],
        "turn": turn,
        "evidence": evidence,
        "recalled": state.get("recalled", []),
        "detached": True,
        "covers": oldest_first,
    }


def evidence_line(entry: Evidence) -> str:
    """One piece of evidence, on one line."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in entry["args"].items())
    found = entry["error"] or f"{entry['returned']} of {entry['matched']}"
    return f"{entry['id']} {entry['name']}({arguments}): {entry['status']}, {found}"


def _part(state: Investigation, answer: str, evidence: list[Evidence]) -> str:
    contents = {
        message.id: message.text
        for message in state["messages"]
        if isinstance(message, ToolMessage)
    }
    items = [
        f"{evidence_line(entry)}\n{contents[entry['message_id']][:STUDY_CHARACTERS]}"
        for entry in evidence[-STUDY_ITEMS:]
    ]
    return "\n\n".join([f"Answer:\n{answer}", "Evidence:", *items])


def _evidence(state: Investigation, turn_id: str) -> list[Evidence]:
    return [entry for entry in state.get("evidence", []) if entry["turn_id"] == turn_id]


def _conversation(state: Investigation, first: Evidence) -> tuple[str, str]:
    """The question and the answer between which that evidence was gathered."""
    messages = state["messages"]
    place = next(i for i, message in enumerate(messages) if message.id == first["message_id"])
    asked = [i for i, message in enumerate(messages) if isinstance(message, HumanMessage)]
    begin = max(i for i in asked if i < place)
    end = min((i for i in asked if i > place), default=len(messages))
    return messages[begin].text, messages[end - 1].text
