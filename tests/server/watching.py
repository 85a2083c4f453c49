"""What tests wait on: an observer that is told after those that were there before it."""

import asyncio

from graph.observers import Observer, Work
from graph.runtime import Runtime
from graph.state import Receipt


class Ends(Observer):
    """Knows the turns whose enrichment has ended."""

    def __init__(self, runtime: Runtime) -> None:
        self._ended: set[str] = set()
        self._changed = asyncio.Condition()
        self._telling: set[asyncio.Task[None]] = set()
        runtime.observers.add(self)

    def receipt_kept(self, work: Work | None, receipt: Receipt) -> None:  # noqa: ARG002
        if receipt["status"] != "pending":
            task = asyncio.get_running_loop().create_task(self._add(receipt["turn_id"]))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def wait_for(self, turn_id: str) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: turn_id in self._ended)

    async def _add(self, turn_id: str) -> None:
        async with self._changed:
            self._ended.add(turn_id)
            self._changed.notify_all()
