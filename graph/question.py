"""A question: what can be asked, and where it stands in the state."""

from langchain_core.messages import HumanMessage

from graph.errors import InvalidQuestion
from graph.state import Investigation

QUESTION_LIMIT = 8000
"""Characters of a question."""


def is_storable(text: str) -> bool:
    """Whether any database takes the text: UTF-8, without a lone surrogate, without a NUL."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_question(text: str) -> None:
    """Raise InvalidQuestion, with what is wrong, for a text that cannot be asked."""
    if not text.strip():
        raise InvalidQuestion("the question is empty: send a message with some text")
    if len(text) > QUESTION_LIMIT:
        raise InvalidQuestion(
            f"the question has {len(text)} characters; {QUESTION_LIMIT} is the most"
        )
    if not is_storable(text):
        raise InvalidQuestion("the question holds a NUL or half a character (a lone surrogate)")


def question_message(state: Investigation) -> HumanMessage:
    """The latest human message.

    Raises InvalidQuestion when there is none, or when it cannot be asked.
    """
    for message in reversed(state.get("messages", [])):
        if isinstance(message, HumanMessage):
            check_question(message.text)
            return message
    raise InvalidQuestion("no question: send at least one human message in 'messages'")


def begins_turn(state: Investigation) -> bool:
    """Whether the latest human message has not been taken up yet."""
    turn = state.get("turn")
    return turn is None or turn["message_id"] != question_message(state).id
