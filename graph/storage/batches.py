"""The two stores, with a batch that is whole and a background task that ends.

LangGraph's own leave three things open. A batch cancelled half-way leaves a SQLite transaction
open, and every later one fails. A failed read on SQLite comes as a ValueError. The task that
gathers operations is left to the garbage collector.
"""

import asyncio
import sqlite3
from collections.abc import Iterable
from typing import Any

from langgraph.store.base import Op, Result
from langgraph.store.postgres.aio import AsyncPostgresStore
from langgraph.store.sqlite.aio import AsyncSqliteStore


class SqliteStore(AsyncSqliteStore):
    """Memory in a SQLite file. A batch of puts is one statement: all of it or nothing."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._batches: set[asyncio.Task[list[Result]]] = set()

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Run the operations to their end, even when the caller is cancelled meanwhile."""
        try:
            return await _to_its_end(self._batches, super().abatch(ops))
        except ValueError as error:
            if isinstance(error.__cause__, sqlite3.Error):
                raise error.__cause__ from None
            raise

    async def aclose(self) -> None:
        """Wait for batches that run, and end the background task; no use after that."""
        await _ended(self._batches, self._task)


class PostgresStore(AsyncPostgresStore):
    """Memory in PostgreSQL. A batch is one implicit transaction: all of it or nothing."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._batches: set[asyncio.Task[list[Result]]] = set()

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Run the operations to their end, even when the caller is cancelled meanwhile."""
        return await _to_its_end(self._batches, super().abatch(ops))

    async def aclose(self) -> None:
        """Wait for batches that run, and end the background task; no use after that."""
        await _ended(self._batches, self._task)


async def _to_its_end(running: set[asyncio.Task[list[Result]]], batch: Any) -> list[Result]:
    task: asyncio.Task[list[Result]] = asyncio.create_task(batch)
    running.add(task)
    task.add_done_callback(running.discard)
    return await asyncio.shield(task)


async def _ended(
    running: set[asyncio.Task[list[Result]]], background: asyncio.Task[Any] | None
) -> None:
    if background is not None:
        background.cancel()
        await asyncio.gather(background, return_exceptions=True)
    await asyncio.gather(*running, return_exceptions=True)
