"""Text that we did not write: on one line, and between fences.

What comes from the estate or from a model may hold anything, instructions too. Before it is
shown to a model it stands between lines with the turn's boundary word, which whoever wrote the
text cannot know.
"""

import re

_INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]+"
)


def printable(text: str) -> str:
    """The text on one line, without control, zero-width and direction-changing characters."""
    return re.sub(_INVISIBLE, " ", text)


def fenced(text: str, boundary: str) -> str:
    """The text as data: between two lines that carry the boundary word, which it may not hold."""
    fence = f"--- {boundary}"
    return f"{fence} data\n{text.replace(boundary, '…')}\n{fence} end"
