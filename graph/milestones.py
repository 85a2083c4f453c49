"""What the nodes tell of a run: each through the tape.

Apart from `graph.runs`, which writes it: a rerun tells nobody, and needs no library of databases.
"""

from typing import Any, Protocol

from graph.state import Receipt, Turn
from graph.tape import exchange


class Rows(Protocol):
    """Writes what is told; `graph.runs.Runs` does."""

    async def add_of_studio(self, turn: Turn) -> None:
        """Add the row of a turn that was not asked through `graph.turns`."""

    async def end_of_studio(self, turn_id: str, summary: dict[str, Any]) -> None:
        """End the row of a turn of LangGraph's server."""

    async def set_enriched(self, turn_id: str, known: dict[str, Any]) -> None:
        """Set these columns, also of a run that has ended."""


class Milestones:
    """Tells of a turn's beginning, its answer and its enrichment. Raises STORAGE_ERRORS."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def begun(self, turn: Turn) -> None:
        """Add the row of a turn that was not asked through `graph.turns`: LangGraph's server."""

        async def live() -> None:
            await self._rows.add_of_studio(turn)

        await exchange("run", "begun", {"turn": turn["id"]}, live)

    async def concluded(self, turn: Turn, summary: dict[str, Any]) -> None:
        """End the row of a turn of LangGraph's server; others are ended after their last step."""

        async def live() -> None:
            await self._rows.end_of_studio(turn["id"], summary)

        await exchange("run", "concluded", {"turn": turn["id"], **summary}, live)

    async def enriched(self, receipt: Receipt) -> None:
        """Set what the enrichment of that turn cost."""
        known = {
            "analyst_input_tokens": receipt["input_tokens"],
            "analyst_output_tokens": receipt["output_tokens"],
            "analyst_cost_usd": receipt["cost_usd"] or 0.0,
        }

        async def live() -> None:
            await self._rows.set_enriched(receipt["turn_id"], known)

        await exchange("run", "enriched", {"turn": receipt["turn_id"], **known}, live)
