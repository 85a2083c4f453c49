"""The circuit breaker: while the analyst keeps failing, no more enrichments are started."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import BaseTool

from graph.models.failure import ModelFailure
from graph.models.port import Ask, ModelPort

logger = logging.getLogger(__name__)

LONGEST_PAUSE_S = 600.0


class Breaker:
    """Opens after `failures` in a row; then one at a time may try, after a pause that doubles.

    Those who wait keep their place: nothing is lost, and a dead provider costs one guard a
    pause instead of one a turn.
    """

    def __init__(self, failures: int, pause_s: float) -> None:
        self._limit = failures
        self._first_pause_s = pause_s
        self._pause_s = pause_s
        self._in_a_row = 0
        self._next_try = 0.0
        self._trying = False
        self._changed = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether the analyst has failed too often to be asked by more than one at a time."""
        return self._in_a_row >= self._limit

    @asynccontextmanager
    async def passage(self) -> AsyncIterator[None]:
        """Wait until the analyst may be asked; the wait ends when it answers somebody again."""
        mine = await self._entered()
        try:
            yield
        finally:
            if mine:
                self._trying = False
                self._wake()

    def saw(self, answered: bool) -> None:
        """Count how a call ended."""
        if answered:
            if self.is_open:
                logger.warning("the analyst answers again; enrichments go on")
            self._in_a_row, self._pause_s = 0, self._first_pause_s
            self._wake()
            return
        was_open = self.is_open
        self._in_a_row += 1
        if self.is_open:
            if was_open:
                self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            self._next_try = _now_s() + self._pause_s
            logger.log(
                # Once is enough for a night: what goes on waiting is in the receipts.
                logging.INFO if was_open else logging.WARNING,
                "the analyst failed %d times in a row; enrichments wait, the next try is in %g s",
                self._in_a_row,
                self._pause_s,
            )

    async def _entered(self) -> bool:
        """True for the one that tries while the breaker is open."""
        while self.is_open:
            left_s = self._next_try - _now_s()
            if left_s <= 0 and not self._trying:
                self._trying = True
                return True
            try:
                async with asyncio.timeout(left_s if left_s > 0 else LONGEST_PAUSE_S):
                    await self._changed.wait()
            except TimeoutError:
                continue
        return False

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


@dataclass(frozen=True)
class Watched:
    """The analyst, with the breaker told how each call ends."""

    analyst: ModelPort
    breaker: Breaker

    async def __call__(
        self,
        message_id: str,
        messages: Sequence[BaseMessage],
        tools: Sequence[BaseTool | dict[str, Any]] = (),
    ) -> AIMessage | ModelFailure:
        """Ask it; a call that the guard cancels counts as a failure."""
        answered = False
        try:
            answer = await self.analyst(message_id, messages, tools)
            answered = isinstance(answer, AIMessage) or answer.kind == "empty"
            return answer
        finally:
            self.breaker.saw(answered)

    def another(self, model: str) -> Ask:
        """The same with another model of the provider."""
        return Watched(self.analyst.another(model), self.breaker)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
