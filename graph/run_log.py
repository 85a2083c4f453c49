"""What happens in a run, as it happens: written by whoever runs it, read by any number."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextvars import Context
from typing import Any

from graph.run import Event, Run


class RunLog:
    """The events of one attempt at a run. Its length is bounded by the budgets of the turn."""

    def __init__(self, attempt: int, context: Context | None = None) -> None:
        self.events: list[Event] = []
        self.context = context or Context()
        """What the attempt runs in: that of who asked, empty when it is resumed."""
        self.attempt = attempt
        self.waits = True
        """Whether this process has not begun the attempt."""
        self.left = False
        """Whether somebody else tells from here on what happens; the run's row says who."""
        self._ended = False
        self._error: Exception | None = None
        self._changed = asyncio.Event()

    def next(self, name: str, data: dict[str, Any]) -> Event:
        """The event that comes next; it is not told yet."""
        return Event(id=f"{self.attempt}.{len(self.events) + 1}", event=name, data=data)

    def add(self, event: Event) -> None:
        """Something happened."""
        self.events.append(event)
        self._wake()

    def end(self, last: Event | None = None, error: Exception | None = None) -> None:
        """Nothing more is going to happen; readers get the error after the last event."""
        if self._ended:
            return
        if last is not None:
            self.events.append(last)
        self._ended, self._error = True, error
        self._wake()

    def leave(self) -> None:
        """Send the readers away: somebody else works on the run."""
        self.left = True
        self.end()

    async def read(self, after: str | None) -> AsyncIterator[Event]:
        """What comes after the event of that id, up to the end; raises the error it ended with."""
        position = place(self.events, after)
        while True:
            while position < len(self.events):
                yield self.events[position]
                position += 1
            if self._ended:
                break
            await self._changed.wait()
        if self._error is not None:
            raise self._error

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def opened(run: Run, attempt: int, context: Context | None = None) -> RunLog:
    """The log of that attempt, with its first event: whoever writes it, it begins alike."""
    log = RunLog(attempt, context)
    log.add(log.next("accepted", {"run_id": run["run_id"], "thread_id": run["thread_id"]}))
    return log


def place(events: Sequence[Event], after: str | None) -> int:
    """Where to go on after that id: at the start, when it is of another attempt."""
    return next((number for number, event in enumerate(events, 1) if event["id"] == after), 0)
