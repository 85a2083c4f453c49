"""What is looked after while a process lives: the work of the dead, and what fell between."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from graph.detached.branch import Branch
from graph.detached.queue import Queue
from graph.receipts import Receipts
from graph.storage import STORAGE_ERRORS, Locks

logger = logging.getLogger(__name__)

Round = Callable[[int], Awaitable[None]]
EVERY_S = 5.0
SETTLED_S = 5.0
"""A job started less long ago may not have its lock yet."""
SWEEP_AFTER_DAYS = 7.0
ROUNDS_PER_SWEEP = 720


@dataclass(frozen=True)
class Upkeep:
    """Adopts, mends and sweeps. Each may be done by all replicas at once: nothing runs twice."""

    queue: Queue
    branch: Branch
    receipts: Receipts
    locks: Locks
    suspects: set[str] = field(default_factory=set)
    """Jobs whose lock was free in the round before."""

    async def adopt(self) -> None:
        """Give back the jobs whose process is dead: started, and nobody holds their lock.

        The lock is the proof of life: PostgreSQL releases it with the connection of its holder.
        A restart of PostgreSQL releases those of the living too, who take them again within a
        round; so a job must be found free twice in a row.
        """
        free = {}
        for job, turn_id in (await self.queue.started(SETTLED_S)).items():
            name = f"enrich:{turn_id}"
            if turn_id not in self.branch.running and await self.locks.take(name):
                await self.locks.release(name)
                free[job] = turn_id
        orphans = [job for job in free if job in self.suspects]
        self.suspects.clear()
        self.suspects.update(free)
        if orphans:
            logger.warning("taking over %d enrichments of a process that died", len(orphans))
            await self.queue.give_back(orphans)

    async def mend(self) -> None:
        """Add the jobs that pending receipts lack.

        An older version handed them over, or they broke off while the database was away.
        """
        for entry in await self.receipts.search(status="pending"):
            turn_id = entry["turn_id"]
            if turn_id not in self.branch.running and not await self.queue.has(turn_id):
                await self.queue.add(turn_id, again=True)

    async def round(self, number: int) -> None:
        """One round; a database that is away is said and waited for."""
        try:
            await self.adopt()
            await self.mend()
            if number % ROUNDS_PER_SWEEP == 0:
                await self.queue.sweep(SWEEP_AFTER_DAYS)
        except STORAGE_ERRORS as error:
            logger.warning("upkeep of the enrichments: %s; again in %g s", error, EVERY_S)


@asynccontextmanager
async def kept_up(rounds: Sequence[Round]) -> AsyncIterator[None]:
    """Do them now and every `EVERY_S` seconds while it is open; each is told the round's number."""

    async def repeat() -> None:
        for number in count():
            for each in rounds:
                await each(number)
            await asyncio.sleep(EVERY_S)

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            logger.error("the upkeep ended; start the process again", exc_info=error)

    task = asyncio.create_task(repeat())
    task.add_done_callback(ended)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
