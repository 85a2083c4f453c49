"""The lock of a thread: who runs a turn on it holds it."""

import asyncio

from graph.errors import ThreadBusy
from graph.runs import Runs
from graph.storage import Locks

ATTEMPTS = 100
WAIT_S = 0.05


def lock_name(thread_id: str) -> str:
    """The name it has among the locks."""
    return f"thread:{thread_id}"


async def take(thread_id: str, locks: Locks, runs: Runs) -> None:
    """Take it for a new turn. Raises ThreadBusy, with the run, while another is on the thread."""
    name = lock_name(thread_id)
    for _ in range(ATTEMPTS):
        free, others = await locks.take(name), None
        try:
            others = await runs.unfinished(thread_id=thread_id, limit=1)
        finally:
            if free and others != []:
                await locks.release(name)
        if others:
            busy = others[0]["run_id"]
            said = f"run {busy} is on thread {thread_id!r}; ask again when it has ended"
            raise ThreadBusy(said, busy)
        if free:
            return
        # Who holds it is about to write the row of its run, or has just ended one.
        await asyncio.sleep(WAIT_S)
    raise ThreadBusy(f"thread {thread_id!r} is held and no run is on it; ask again in a while")
