"""Names that one holder at a time may hold, over all processes on the same database.

On SQLite one process works, and its locks are in its own memory. On PostgreSQL they are
advisory locks of one session: PostgreSQL gives them back when the process or its host dies.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, LiteralString, Protocol, TypeVar

import psycopg

from graph.errors import LockNotFree

FIRST_WAIT_S = 0.05
LONGEST_WAIT_S = 0.5
"""Between two attempts to take a name that another process holds."""
SEED = 7_217_385
"""Keeps our names apart from advisory locks of other programs on the same database."""
DEAD_HOST_S = 10
"""After about this long a host that says nothing is taken for dead; its locks are free then."""
_SESSION = f"""
    SELECT set_config('tcp_keepalives_idle', '{DEAD_HOST_S - 6}', false),
           set_config('tcp_keepalives_interval', '2', false),
           set_config('tcp_keepalives_count', '3', false),
           set_config('statement_timeout', '{DEAD_HOST_S}s', false)
"""
_TAKE = "SELECT pg_try_advisory_lock(hashtextextended(%s, %s))"
_RELEASE = "SELECT pg_advisory_unlock(hashtextextended(%s, %s))"

Connection = psycopg.AsyncConnection[Any]
Connect = Callable[[], Awaitable[Connection]]
T = TypeVar("T")
_log = logging.getLogger(__name__)


class Locks(Protocol):
    """Names that one holder at a time may hold, over all processes on the same database."""

    async def take(self, name: str) -> bool:
        """At once: True when taken, False when somebody holds it, this process included."""

    async def release(self, name: str) -> None:
        """Give a taken name back; nothing happens when it is not held."""

    def held(self, name: str, within_s: float) -> AbstractAsyncContextManager[None]:
        """Hold the name for a block; raises LockNotFree when it is not free in `within_s`."""


class MemoryLocks:
    """Locks of this process alone."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._freed = asyncio.Condition()

    async def take(self, name: str) -> bool:
        """See Locks."""
        if name in self._held:
            return False
        self._held.add(name)
        return True

    async def release(self, name: str) -> None:
        """See Locks."""
        self._held.discard(name)
        async with self._freed:
            self._freed.notify_all()

    @asynccontextmanager
    async def held(self, name: str, within_s: float) -> AsyncIterator[None]:
        """See Locks."""
        try:
            async with asyncio.timeout(within_s), self._freed:
                await self._freed.wait_for(lambda: name not in self._held)
                self._held.add(name)
        except TimeoutError:
            raise _not_free(name, within_s) from None
        try:
            yield
        finally:
            await self.release(name)


class PostgresLocks:
    """Advisory locks of one session, which is this process's proof of life.

    When the session breaks, the next use opens another and takes again what was held. Raises
    psycopg.Error when the database does not answer.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._session: Connection | None = None
        self._one_at_a_time = asyncio.Lock()
        self._held: set[str] = set()
        self._asking: set[str] = set()
        self._running: set[asyncio.Task[Any]] = set()

    async def take(self, name: str) -> bool:
        """See Locks."""
        # The locks of one session are re-entrant, so the memory of this process decides first.
        if name in self._held or name in self._asking:
            return False
        self._asking.add(name)
        asked = self._kept(self._take(name))
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            # The statement may take the name yet, and nobody would be there to give it back.
            self._kept(self._give_back(asked, name))
            raise

    async def release(self, name: str) -> None:
        """See Locks. A session that broke has given its locks back, so this does not fail then."""
        if name in self._held:
            self._held.discard(name)
            await asyncio.shield(self._kept(self._release(name)))

    @asynccontextmanager
    async def held(self, name: str, within_s: float) -> AsyncIterator[None]:
        """See Locks."""
        end = asyncio.get_running_loop().time() + within_s
        wait_s = FIRST_WAIT_S
        while not await self.take(name):
            left_s = end - asyncio.get_running_loop().time()
            if left_s <= 0:
                raise _not_free(name, within_s)
            await asyncio.sleep(min(wait_s, left_s))
            wait_s = min(wait_s * 1.5, LONGEST_WAIT_S)
        try:
            yield
        finally:
            await self.release(name)

    async def aclose(self) -> None:
        """End the session, which gives every name back."""
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _kept(self, work: Awaitable[T]) -> "asyncio.Task[T]":
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _take(self, name: str) -> bool:
        try:
            async with self._one_at_a_time:
                taken = await self._retried(name)
                if taken:
                    self._held.add(name)
        finally:
            self._asking.discard(name)
        return taken

    async def _retried(self, name: str) -> bool:
        """Ask once more when the session turns out to be broken: it is noticed only by using it."""
        session = await self._whole()
        try:
            return await _ask(session, _TAKE, name)
        except psycopg.OperationalError:
            if not session.closed:
                raise
        return await _ask(await self._whole(), _TAKE, name)

    async def _release(self, name: str) -> None:
        async with self._one_at_a_time:
            session = self._session
            if session is None or session.closed:
                return
            try:
                await _ask(session, _RELEASE, name)
            except psycopg.Error:
                # A session that may still hold what nobody remembers must end.
                await session.close()

    async def _give_back(self, asked: "asyncio.Task[bool]", name: str) -> None:
        with contextlib.suppress(psycopg.Error):
            if await asked:
                await self.release(name)

    async def _whole(self) -> Connection:
        """The session; a new one that holds the same names when the old one is broken."""
        if self._session is not None and not self._session.closed:
            return self._session
        async with contextlib.AsyncExitStack() as unless_whole:
            session = await self._connect()
            unless_whole.push_async_callback(session.close)
            await session.execute(_SESSION)
            for name in sorted(self._held):
                if not await _ask(session, _TAKE, name):
                    _log.warning("lock %r was lost with its session; another holds it now", name)
            unless_whole.pop_all()
        self._session = session
        return session


async def _ask(session: Connection, statement: LiteralString, name: str) -> bool:
    cursor = await session.execute(statement, (name, SEED))
    row = await cursor.fetchone()
    assert row is not None
    [answer] = row.values() if isinstance(row, dict) else row
    return bool(answer)


def _not_free(name: str, within_s: float) -> LockNotFree:
    return LockNotFree(f"{name!r} was held by somebody else for {within_s:g} s; try again")
