"""Pages of lists that have no place to go on from but a number of items."""

from graph.errors import InvalidCursor

LONGEST = 9
"""Digits of a number of items."""


def place(cursor: str | None) -> int:
    """How many items come before that page. Raises InvalidCursor."""
    if cursor is None:
        return 0
    if not cursor.isascii() or not cursor.isdecimal() or len(cursor) > LONGEST:
        raise InvalidCursor(f"{cursor!r} is not a cursor that an answer gave")
    return int(cursor)


def following(offset: int, found: int, limit: int) -> str | None:
    """The cursor of the page after one that was as long as could be; None for the last."""
    return str(offset + found) if found == limit else None
