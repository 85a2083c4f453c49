"""Who is told what happens, and what a task is at work on; metrics, traces and logs stand on it.

Observers are called by the event loop after the code that tells them, in the order of what
happened. So one that fails breaks nothing: the loop logs its exception, and goes on.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal
from uuid import uuid4

from graph.run import Run
from graph.state import Exchange, Receipt


@dataclass(frozen=True)
class Work:
    """A turn, or one start of an enrichment."""

    kind: Literal["turn", "enrichment"]
    run_id: str
    """Of the turn, also when it is enriched."""
    thread_id: str
    """Where it runs: the conversation, or the enrichment's own thread."""
    id: str = field(default_factory=lambda: str(uuid4()))
    """Names this start of it."""
    began_ns: int = field(default_factory=time.time_ns)


at_work: ContextVar[Work | None] = ContextVar("at_work", default=None)
"""What the current task works on; tasks that it starts keep it."""


class Observer:
    """Is told, and by itself does nothing; it must not wait.

    `work` is None for what LangGraph's own server runs.
    """

    def visit_ended(self, work: Work | None, node: str) -> None:
        """A node was visited, to the end of the visit or to what broke it off."""

    def exchange_ended(self, work: Work | None, exchange: Exchange) -> None:
        """Something outside answered or failed."""

    def run_ended(self, run: Run) -> None:
        """A turn of ours is done, failed or cancelled. Its end is the moment of the call."""

    def receipt_kept(self, work: Work | None, receipt: Receipt) -> None:
        """A receipt was written; of an enrichment that has ended unless it is `pending`."""


class Observers:
    """All who are told."""

    def __init__(self, each: Sequence[Observer] = ()) -> None:
        self._each = list(each)

    def add(self, one: Observer) -> None:
        """Tell this one too, from now on."""
        self._each.append(one)

    def visit_ended(self, node: str) -> None:
        """See Observer."""
        work = at_work.get()
        self._tell(lambda one: one.visit_ended(work, node))

    def exchange_ended(self, exchange: Exchange) -> None:
        """See Observer."""
        work = at_work.get()
        self._tell(lambda one: one.exchange_ended(work, exchange))

    def run_ended(self, run: Run) -> None:
        """See Observer."""
        self._tell(lambda one: one.run_ended(run))

    def receipt_kept(self, receipt: Receipt) -> None:
        """See Observer."""
        work = at_work.get()
        self._tell(lambda one: one.receipt_kept(work, receipt))

    def _tell(self, what: Callable[[Observer], None]) -> None:
        # The loop prints the arguments of a callback that fails: none may hold a result.
        for one in self._each:
            asyncio.get_running_loop().call_soon(what, one)


NOBODY = Observers()
"""For what is used on its own; nobody is added to it."""
