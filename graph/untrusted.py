"""Text that we did not write: on one line, and between fences.

What comes from the estate or from a model may hold anything, instructions too. Before it is
shown to a model it stands between lines with the turn's boundary word, which whoever wrote the
text cannot know.
"""

import re

_INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    r"\ufff9-\ufffb\U000e0000-\U000e0fff]+"
)
"""With the tags and the variation selectors: they do not show, and a model can read whole
sentences that are written in them."""


def printable(text: str, instead: str = " ") -> str:
    """The text on one line, without control, zero-width and direction-changing characters.

    A space stands for each run of them, or what is to stand `instead`.
    """
    return re.sub(_INVISIBLE, instead, text)


def fenced(text: str, boundary: str) -> str:
    """The text as data: between two lines that carry the boundary word, which it may not hold."""
    fence = f"--- {boundary}"
    return f"{fence} data\n{text.replace(boundary, '…')}\n{fence} end"
