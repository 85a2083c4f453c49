"""What a measurement gives."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measured ratio beside the bar it must not pass."""

    name: str
    ratio: float
    bar: float
    detail: str
    """The measured values behind the ratio, with units."""

    @property
    def holds(self) -> bool:
        """Whether the ratio is within its bar."""
        return self.ratio <= self.bar
