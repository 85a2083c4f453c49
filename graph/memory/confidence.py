"""How sure memory is of an item: the rule, and how it fades.

confidence = (stated x 2 + confirmed) / (2 + confirmed + 2 x refuted)

What the analyst stated counts as two observations; each confirmation is one for it, each
refutation two against it. So one refutation takes a stated 0.9 to 0.45, and it takes four
confirmations to bring it back to 0.72.

What is not confirmed fades: it is halved in every HALF_LIFE_DAYS since its last confirmation. What
has faded below FLOOR is not recalled any more, and is kept to be looked at.
"""

from datetime import datetime

from typing_extensions import TypedDict

from graph.memory.item import Item, MemoryStatus

STATED_WEIGHT = 2
REFUTED_WEIGHT = 2
HALF_LIFE_DAYS = 60.0
FLOOR = 0.15
DAY_S = 86_400.0
RESOLVED = 0.5
"""What was said to be resolved may come back, but is less likely the cause."""


def confidence(stated: float, confirmed: int, refuted: int) -> float:
    """The confidence, 0 to 1, by the rule above."""
    observed = STATED_WEIGHT + confirmed + REFUTED_WEIGHT * refuted
    return round((STATED_WEIGHT * stated + confirmed) / observed, 4)


class Standing(TypedDict):
    """What the fading of an item depends on."""

    confidence: float
    last_confirmed: str
    status: MemoryStatus


def faded(item: Item | Standing, now: datetime) -> float:
    """What is left of the confidence at that time; nothing of what is retired."""
    if item["status"] == "retired":
        return 0.0
    age_s = (now - datetime.fromisoformat(item["last_confirmed"])).total_seconds()
    left: float = item["confidence"] * 0.5 ** (max(0.0, age_s) / DAY_S / HALF_LIFE_DAYS)
    return left * RESOLVED if item["status"] == "resolved" else left
