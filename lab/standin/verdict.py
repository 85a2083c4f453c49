"""What the stand-in concludes: the fields of the report, before it is spoken."""

from dataclasses import dataclass, field

Settled = tuple[str, str, list[str]]
"""A hint's id, `confirmed` or `refuted`, and the ids of the evidence that shows it."""


@dataclass
class Verdict:
    """What goes into the report."""

    summary: str = ""
    component: str = ""
    explanation: str = ""
    confidence: str = "low"
    evidence: list[tuple[str, str]] = field(default_factory=list)
    ruled_out: list[tuple[str, str]] = field(default_factory=list)
    blast_radius: list[str] = field(default_factory=list)
    actions: list[tuple[str, str]] = field(default_factory=list)
    open_questions: list[str] = field(default_factory=list)
    hints: list[Settled] = field(default_factory=list)

    @property
    def certain(self) -> bool:
        """Whether nothing further needs to be looked at."""
        return self.confidence == "high"
