"""What a person sees of an investigation, from a finished one made by hand."""

from io import StringIO
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from rich.console import Console

from graph.receipts import receipt
from graph.state import Evidence, Investigation, ReceiptStatus, Spent, Turn
from lab.investigation import Answered, Finished
from lab.terminal import Screen

CLEAR_SCREEN = "\x1b[2J"
TURN = Turn(
    id="turn-2",
    thread_id="thread-1",
    message_id="m",
    question="q",
    asked_at="2026-11-24T10:00:00Z",
    boundary="kiwi",
    focus=[],
    alert=None,
    budgets={},
)
SPENT = Spent(
    visits=1,
    visits_over_budget=0,
    tool_calls=1,
    input_tokens=10,
    output_tokens=10,
    cost_usd=0.0,
    unpriced_calls=0,
    seconds=0.5,
)


def gathered(id_: str, turn_id: str, **args: Any) -> Evidence:
    return Evidence(
        id=id_,
        turn_id=turn_id,
        message_id="t",
        name="find_services",
        args=args,
        status="ok",
        source="neo4j",
        query="q",
        returned=3,
        matched=5,
        error=None,
        unanswered={},
    )


def answered(text: str, report: dict[str, Any] | None = None) -> Answered:
    evidence = [gathered("E1", "turn-1", query="old"), gathered("E2", "turn-2", query="cart")]
    state = Investigation(
        messages=[AIMessage(text)], turn=TURN, spent=SPENT, evidence=evidence, report=report
    )
    return Answered("turn-2", "thread-1", "q", state, 0.5)


def finished(status: ReceiptStatus, reason: str | None = None, report: Any = None) -> Finished:
    ended = receipt(TURN, status, seconds=0.01, reason=reason)
    item = {"tag": "[T]", "title": f"a{CLEAR_SCREEN}", "finding": f"b{CLEAR_SCREEN}"}
    return Finished(answered("x", report), [], ended, [item])


@pytest.fixture
def paper() -> StringIO:
    """Where the screen prints."""
    return StringIO()


@pytest.fixture
def screen(paper: StringIO) -> Screen:
    """A screen that adds no control characters of its own."""
    return Screen(Console(file=paper, width=100))


def test_control_characters_are_not_printed(screen: Screen, paper: StringIO) -> None:
    tool = {"node": "tool", "visit": 1, "index": 0, "kind": "tool", "name": f"n{CLEAR_SCREEN}"}
    ended = {"event": "ended", "seconds": 0.1, "status": "error", "error": f"e{CLEAR_SCREEN}"}
    screen.question(f"slow{CLEAR_SCREEN}?")
    screen.event({**tool, **ended})
    screen.answer(answered(f"done{CLEAR_SCREEN}."))
    screen.enrichment(finished("failed", f"no{CLEAR_SCREEN}"))
    screen.failed(f"gone{CLEAR_SCREEN}")
    assert "\x1b" not in paper.getvalue()
    assert paper.getvalue().count("[2J") == 8


def test_an_answer_keeps_its_line_breaks(screen: Screen, paper: StringIO) -> None:
    screen.answer(answered("first\nsecond"))
    lines = [line.strip() for line in paper.getvalue().splitlines()]
    assert lines[lines.index("first") + 1] == "second"


def test_each_evidence_of_the_turn_can_be_looked_up(screen: Screen, paper: StringIO) -> None:
    screen.answer(answered("Found [E2]."))
    lines = paper.getvalue().splitlines()
    assert "E2  find_services(query='cart')  ok  3 of 5" in lines
    assert "run turn-2, thread thread-1" in lines
    assert "query='old'" not in paper.getvalue()


@pytest.mark.parametrize(
    ("status", "reason", "line"),
    [
        ("stored", None, "Receipt: stored after 0.01 s"),
        ("empty", None, "Receipt: empty after 0.01 s (nothing worth keeping was found)"),
        ("timeout", "ended by the guard", "Receipt: timeout after 0.01 s: ended by the guard"),
    ],
)
def test_a_receipt_says_what_its_word_means(
    screen: Screen, paper: StringIO, status: ReceiptStatus, reason: str | None, line: str
) -> None:
    screen.enrichment(finished(status, reason))
    assert line in paper.getvalue().splitlines()


@pytest.mark.parametrize(
    ("status", "report", "last"),
    [
        ("empty", None, "No report was asked for or made: exit code 3."),
        ("failed", {"summary": "s"}, "The enrichment was not stored: exit code 3."),
    ],
)
def test_the_last_line_says_why_the_exit_code_is_3(
    screen: Screen, paper: StringIO, status: ReceiptStatus, report: Any, last: str
) -> None:
    screen.enrichment(finished(status, report=report))
    assert paper.getvalue().splitlines()[-1] == last


def test_a_complete_investigation_speaks_of_no_exit_code(screen: Screen, paper: StringIO) -> None:
    screen.enrichment(finished("stored", report={"summary": "s"}))
    assert "exit code" not in paper.getvalue()
