"""How the channels grow, and which message asks."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage

from graph.errors import InvalidQuestion
from graph.question import begins_turn, question_message
from graph.state import Investigation, Turn, append_entries, append_messages

A = HumanMessage("a", id="1")
B = AIMessage("b", id="2")
C = ToolMessage("c", id="3", tool_call_id="call")
B_AGAIN = AIMessage("b, again", id="2")
NAMELESS = HumanMessage("no id")


def turn(message_id: str) -> Turn:
    return Turn(
        id="run",
        thread_id="t",
        message_id=message_id,
        question="a",
        asked_at="2026-11-24T10:00:00Z",
        boundary="word",
        focus=[],
        alert=None,
        budgets={},
    )


def test_messages_are_appended_in_order() -> None:
    assert append_messages([A], [[B], C]) == [A, B, C]


def test_the_state_that_is_appended_to_stays_as_it_was() -> None:
    state: list[AnyMessage] = [A, B]
    append_messages(state, [[B_AGAIN, C]])
    assert state == [A, B]


def test_a_message_with_a_known_id_replaces_it_in_place() -> None:
    assert append_messages([A, B, C], [B_AGAIN]) == [A, B_AGAIN, C]


def test_a_message_replaces_one_from_the_same_batch() -> None:
    assert append_messages([A], [[B, C], [B_AGAIN]]) == [A, B_AGAIN, C]
    assert append_messages([A], [[B, C, B_AGAIN]]) == [A, B_AGAIN, C]


def test_messages_without_an_id_are_all_kept_and_named_for_their_place() -> None:
    merged = append_messages([A], [NAMELESS, [NAMELESS]])
    assert [message.text for message in merged] == ["a", "no id", "no id"]
    assert [message.id for message in merged] == ["1", "place-1", "place-2"]
    assert NAMELESS.id is None


def test_message_like_writes_become_messages() -> None:
    merged = append_messages(
        [A], [{"role": "assistant", "content": "hello", "id": "9"}, [("user", "hi")], "plain"]
    )
    assert [type(message) for message in merged[1:]] == [AIMessage, HumanMessage, HumanMessage]
    assert [message.content for message in merged[1:]] == ["hello", "hi", "plain"]
    assert merged[1].id == "9"


def test_a_message_like_write_replaces_by_its_id() -> None:
    merged = append_messages([A, B], [{"role": "user", "content": "new", "id": "1"}])
    assert [message.content for message in merged] == ["new", "b"]


CASES: list[tuple[list[AnyMessage], list[Any], list[Any]]] = [
    ([], [], []),
    ([], [A], [B]),
    ([A], [[B, C]], []),
    ([A], [], [[B], C]),
    ([A, B], [B_AGAIN], [C]),
    ([A], [B], [B_AGAIN]),
    ([A], [[B, C]], [[B_AGAIN], NAMELESS]),
    ([A, C], [B, B_AGAIN], [B]),
    ([NAMELESS], [NAMELESS], [[NAMELESS, A], A]),
    ([], [{"role": "user", "content": "x", "id": "1"}], [A, {"role": "user", "content": "y"}]),
]


@pytest.mark.parametrize(("state", "first", "second"), CASES)
def test_messages_come_out_the_same_however_they_are_batched(
    state: list[AnyMessage], first: list[Any], second: list[Any]
) -> None:
    at_once = append_messages(state, first + second)
    assert append_messages(append_messages(state, first), second) == at_once


def test_entries_are_appended_in_order_and_the_state_stays() -> None:
    state = [1]
    assert append_entries(state, [[2, 3], [], [4]]) == [1, 2, 3, 4]
    assert state == [1]


@pytest.mark.parametrize(
    ("state", "first", "second"),
    [
        ([], [], [[1]]),
        ([1], [[2], [3]], [[4]]),
        ([1], [[1, 1]], [[], [1]]),
        ([[1]], [[[2]]], [[[3], 4]]),
    ],
)
def test_entries_come_out_the_same_however_they_are_batched(
    state: list[Any], first: list[list[Any]], second: list[list[Any]]
) -> None:
    at_once = append_entries(state, first + second)
    assert append_entries(append_entries(state, first), second) == at_once


def test_the_latest_human_message_asks() -> None:
    latest = HumanMessage("second", id="5")
    state: Investigation = {"messages": [A, B, latest, C]}
    assert question_message(state) is latest


def test_a_question_in_content_blocks_has_text() -> None:
    asked = HumanMessage([{"type": "text", "text": "what is slow?"}], id="7")
    assert question_message({"messages": [asked]}) is asked


@pytest.mark.parametrize("messages", [[], [B], [SystemMessage("be brief"), B]])
def test_without_a_human_message_there_is_no_question(messages: list[AnyMessage]) -> None:
    with pytest.raises(InvalidQuestion, match="at least one human message in 'messages'"):
        question_message({"messages": messages})


def test_without_the_messages_channel_there_is_no_question() -> None:
    with pytest.raises(InvalidQuestion, match="no question"):
        question_message({})


@pytest.mark.parametrize("content", ["", "  \n\t", [], [{"type": "text", "text": " "}]])
def test_a_blank_question_is_refused_even_after_a_good_one(content: Any) -> None:
    with pytest.raises(InvalidQuestion, match="the question is empty"):
        question_message({"messages": [A, HumanMessage(content, id="8")]})


def test_the_first_question_begins_a_turn() -> None:
    assert begins_turn({"messages": [A]})


def test_a_question_that_was_taken_up_begins_no_turn() -> None:
    assert not begins_turn({"messages": [A, B], "turn": turn("1")})


def test_a_new_question_begins_the_next_turn() -> None:
    assert begins_turn({"messages": [A, B, HumanMessage("next", id="4")], "turn": turn("1")})


def test_a_later_turn_does_not_begin_with_a_blank_question() -> None:
    with pytest.raises(InvalidQuestion):
        begins_turn({"messages": [HumanMessage(" ", id="1")], "turn": turn("1")})
