"""Check of the database: checkpoints, memory and locks open, a write, and the queue."""

from uuid import uuid4

from graph.detached.queue import is_made, open_queue
from graph.errors import StateUnavailable
from graph.settings import Settings
from graph.storage import STORAGE_ERRORS, Storage, open_storage
from server.doctor.check import Trouble

NAMESPACE = ("doctor",)


async def works(settings: Settings) -> str:
    """That it can be read and written, and what waits in the queue."""
    # Not alone: a server may work on it at this moment.
    async with open_storage(settings, alone=False) as storage:
        try:
            await _use(storage)
            waits = await _queue(settings, storage)
        except STORAGE_ERRORS as error:
            raise Trouble(str(error), _remedy(settings)) from error
    where = f"files in {settings.state_dir}" if settings.database_url is None else "PostgreSQL"
    return f"{where}; {waits}"


async def _use(storage: Storage) -> None:
    """Read checkpoints, take a lock, and write and delete one row that nobody reads."""
    word = f"doctor-{uuid4()}"
    await storage.saver.aget_tuple({"configurable": {"thread_id": word}})
    async with storage.locks.held(word, within_s=1):
        await storage.store.aput(NAMESPACE, word, {"doctor": True})
        try:
            if await storage.store.aget(NAMESPACE, word) is None:
                raise StateUnavailable("what was written to the memory is not there")
        finally:
            await storage.store.adelete(NAMESPACE, word)


async def _queue(settings: Settings, storage: Storage) -> str:
    if not settings.enrichment:
        return "no queue: ENRICHMENT is off"
    if not await is_made(storage.queue_url):
        return "the queue is made at the first start"
    async with open_queue(storage.queue_url) as queue:
        return "work is in the queue" if await queue.has_at_least(1) else "the queue is empty"


def _remedy(settings: Settings) -> str:
    if settings.database_url is None:
        return (
            f"let this user write in STATE_DIR={settings.state_dir}, and see that the disk has room"
        )
    return "see that the database of DATABASE_URL runs, has room, and belongs to its user"
