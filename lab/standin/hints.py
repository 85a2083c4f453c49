"""The hints from memory, as they stand on the wire."""

import re
from dataclasses import dataclass

from lab.standin.kinds import CALM, UNKNOWN, kinds_in

_BOUNDARY = re.compile(r"Boundary word: (\S+)\.")
_LINE = re.compile(r"^(M-\w+) \([^)]*\): (?:\[MiniMax\] )?([^:]+): (.+)$", re.MULTILINE)
_BASELINE = re.compile(r"is typically -?\d")


@dataclass(frozen=True)
class Hint:
    """What memory says: of which component, and what is wrong with it."""

    id: str
    component: str
    """The one it is about; it may name others after it."""
    text: str

    @property
    def kinds(self) -> list[str]:
        """The kinds of cause that it may mean, the likeliest first; none for a baseline."""
        return [] if _BASELINE.search(self.text) else kinds_in(self.text) or [UNKNOWN]

    @property
    def is_calm(self) -> bool:
        """Whether it says that nothing was wrong."""
        return any(kind in CALM for kind in self.kinds[:1])


def hints_on(system: str) -> list[Hint]:
    """The hints in a system message, the likeliest first.

    Only between the lines with the boundary word that the message itself names: an alert that is
    quoted in it may hold anything.
    """
    boundary = _BOUNDARY.search(system)
    if boundary is None:
        return []
    fence = f"--- {re.escape(boundary[1])}"
    block = re.search(
        rf"^Hints from memory:\n{fence} data\n(.*?)\n{fence} end", system, re.DOTALL | re.MULTILINE
    )
    lines = _LINE.findall(block[1]) if block else []
    return [Hint(id_, names.split(", ")[0].strip(), text) for id_, names, text in lines]
