"""What a measurement gives."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Figure:
    """A measured value, mostly a ratio, beside the bar that it must not pass."""

    name: str
    value: float
    bar: float
    detail: str
    """The measured values behind it, with units."""
    must_be: Literal["at most", "at least"] = "at most"

    @property
    def holds(self) -> bool:
        """Whether it is on the right side of its bar."""
        return self.value >= self.bar if self.must_be == "at least" else self.value <= self.bar
