"""Storage in four SQLite files of one folder: checkpoints, memory, runs, queue."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import aiosqlite
from filelock import FileLock, Timeout
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from graph.errors import StateInUse, StateUnavailable
from graph.settings import StateSettings
from graph.storage.batches import SqliteStore
from graph.storage.locks import MemoryLocks
from graph.storage.parts import Storage
from graph.storage.savers import SqliteSaver
from graph.storage.tables import opened

BUSY_S = 10
"""How long a statement waits while another process writes to the same file."""
EXECUTOR = "local"


@asynccontextmanager
async def open_files(settings: StateSettings, *, alone: bool) -> AsyncIterator[Storage]:
    """The files under `settings.state_dir`, made when they are not there.

    With `alone` kept for this process: two that work on the same files would overwrite each
    other's turns. Raises StateUnavailable.
    """
    folder = settings.state_dir
    file = folder
    async with AsyncExitStack() as stack:
        try:
            await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
            if alone:
                # Not filelock's own asynchronous one: that starts a task when it is collected.
                lock = FileLock(folder / "lock", timeout=0, thread_local=False)
                await asyncio.to_thread(lock.acquire)
                stack.push_async_callback(asyncio.to_thread, lock.release)
            file = folder / "checkpoints.sqlite"
            connection = await stack.enter_async_context(aiosqlite.connect(file, timeout=BUSY_S))
            saver = SqliteSaver(await _write_ahead(connection))
            await saver.setup()
            file = folder / "memory.sqlite"
            connection = await stack.enter_async_context(
                aiosqlite.connect(file, timeout=BUSY_S, isolation_level=None)
            )
            store = SqliteStore(await _write_ahead(connection))
            stack.push_async_callback(store.aclose)
            await store.setup()
            file = folder / "runs.sqlite"
            await asyncio.to_thread(_prepare, file)
            engine = await stack.enter_async_context(
                opened(_address(file, "sqlite+aiosqlite"), connect_args={"timeout": BUSY_S})
            )
            file = folder / "queue.sqlite"
            await asyncio.to_thread(_prepare, file)
        except Timeout as error:
            raise StateInUse(
                f"STATE_DIR={folder} is in use by another process; stop it, or give another folder"
            ) from error
        except (OSError, sqlite3.Error, aiosqlite.Error, SQLAlchemyError) as error:
            raise StateUnavailable(
                f"STATE_DIR={folder}: {file} cannot be used: {error}; move it away, or give a "
                "folder that can be written"
            ) from error
        address = _address(file, "sqlite").render_as_string()
        yield Storage(saver, store, engine, MemoryLocks(), address, EXECUTOR)


def _address(file: Path, driver: str) -> URL:
    return URL.create(driver, database=str(file.absolute()))


async def _write_ahead(connection: aiosqlite.Connection) -> aiosqlite.Connection:
    async with connection.execute("PRAGMA journal_mode=WAL"):
        return connection


def _prepare(file: Path) -> None:
    """Set the journal once, in the file: the libraries that open it do not."""
    with closing(sqlite3.connect(file, timeout=BUSY_S)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
