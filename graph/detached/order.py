"""What a node may order of the detached branch; apart, so that the graph needs no queue."""

from collections.abc import Sequence
from typing import Any, Protocol

from graph.state import Receipt, Turn

RETRY_TIMEOUT_LIMIT_S = 600.0


class HandOver(Protocol):
    """Takes a finished turn over, durably, and answers with its receipt."""

    async def __call__(self, turn: Turn, state: dict[str, Any]) -> Receipt:
        """Hand `turn` over; `state` holds the channels of its thread's first checkpoint.

        The waiting turns that it `covers` are superseded.
        """

    async def skip(self, turn: Turn, reason: str) -> Receipt:
        """Keep that this turn is not going to be studied, and why."""

    async def waiting(self, turn_ids: Sequence[str], by: Turn) -> list[str]:
        """Those of the turns, given latest first, that turn `by` may still cover."""
