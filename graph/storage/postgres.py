"""Storage in one PostgreSQL database, shared by any number of processes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from graph.errors import LockNotFree, StateInUse, StateUnavailable
from graph.settings import StateSettings
from graph.storage.batches import PostgresStore
from graph.storage.locks import DEAD_HOST_S, Locks, PostgresLocks
from graph.storage.parts import Storage
from graph.storage.savers import PostgresSaver
from graph.storage.tables import opened

CONNECT_LIMIT_S = 5
POOL_SIZE = 10
ENGINE_POOL_SIZE = 4
POOL_WAIT_S = 15
"""How long an operation waits for a connection, and so for a server that restarts."""
STATEMENT_LIMIT_S = 30
SETUP_WAIT_S = 60
"""How long one process waits while another makes the tables."""
RECONNECT_S = 3
"""How long the pool tries by itself; after that each operation that waits makes it try again,
without the pauses that would have grown meanwhile."""

READER = "reader"
"""The name of a process that only looks on, when it has none."""

_LIMITS = {
    "connect_timeout": CONNECT_LIMIT_S,
    "keepalives_idle": DEAD_HOST_S - 6,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": DEAD_HOST_S * 1000,
}
"""What keeps a connection from waiting for a server that has vanished."""

Connection = psycopg.AsyncConnection[DictRow]


@asynccontextmanager
async def open_database(settings: StateSettings, *, alone: bool) -> AsyncIterator[Storage]:
    """The database at `settings.database_url`, its tables made or brought up to date.

    With `alone` the executor id is kept for this process. Raises StateUnavailable, without the
    password.
    """
    assert settings.database_url is not None
    assert settings.executor_id is not None or not alone, "who works has a name"
    executor_id = settings.executor_id or READER
    server = _Server(settings.database_url.get_secret_value(), executor_id)
    async with AsyncExitStack() as stack:
        try:
            storage = await _opened(stack, server, alone=alone)
        except LockNotFree:
            raise StateUnavailable(
                f"DATABASE_URL={server.name}: another process has been making the tables for "
                f"{SETUP_WAIT_S} s; start again when it is done"
            ) from None
        except psycopg.Error as error:
            reason = " ".join(str(error).split())
            raise StateUnavailable(
                f"DATABASE_URL={server.name} cannot be used: {reason}; check that it runs, and "
                "that the database exists and belongs to this user"
            ) from None
        yield storage


class _Server:
    """A checked address, and how connections to it are made."""

    def __init__(self, url: str, executor_id: str) -> None:
        self.executor_id = executor_id
        self.url = url
        try:
            address = make_url(_checked(url)).set(drivername="postgresql+psycopg")
            limits = {name: str(value) for name, value in _LIMITS.items()}
            address = address.set(query={**limits, **address.query})
            self.queue_url = address.render_as_string(hide_password=False)
            parts = conninfo_to_dict(url)
        except (ValueError, ArgumentError, psycopg.ProgrammingError):
            # Their words quote the address, and what they quote may be part of the password.
            raise StateUnavailable(
                "DATABASE_URL is not of the form postgresql://user:password@host:port/name; "
                "write %40 for @, %2F for /, %3A for :, %23 for # and %25 for % in the password"
            ) from None
        self.name = f"{parts.get('host')}:{parts.get('port', 5432)}/{parts.get('dbname')}"

    @property
    def options(self) -> dict[str, Any]:
        """How the connections of saver, store and locks are made."""
        return {
            "autocommit": True,
            "prepare_threshold": 0,
            "row_factory": dict_row,
            **_LIMITS,
            "application_name": f"netforge {self.executor_id}"[:63],
        }

    async def connect(self) -> Connection:
        """A connection of its own. Raises psycopg.Error."""
        return await psycopg.AsyncConnection.connect(self.url, **self.options)

    def pool(self) -> AsyncConnectionPool[Connection]:
        """Connections for saver and store, not open yet; survives a restart of the server."""
        return AsyncConnectionPool(
            self.url,
            open=False,
            kwargs=self.options,
            min_size=1,
            max_size=POOL_SIZE,
            timeout=POOL_WAIT_S,
            reconnect_timeout=RECONNECT_S,
            configure=_limited,
            check=AsyncConnectionPool.check_connection,
        )


async def _opened(stack: AsyncExitStack, server: _Server, *, alone: bool) -> Storage:
    locks = PostgresLocks(server.connect)
    stack.push_async_callback(locks.aclose)
    if alone and not await locks.take(f"executor:{server.executor_id}"):
        raise StateInUse(
            f"EXECUTOR_ID={server.executor_id} is in use by another process on this database; "
            "name each process differently"
        )
    await _set_up(server, locks)
    pool = server.pool()
    stack.push_async_callback(pool.close)
    await pool.open(wait=True, timeout=POOL_WAIT_S)
    store = PostgresStore(pool)
    stack.push_async_callback(store.aclose)
    async with locks.held("setup", SETUP_WAIT_S):
        engine = await stack.enter_async_context(
            opened(
                server.queue_url,
                pool_size=ENGINE_POOL_SIZE,
                max_overflow=0,
                pool_timeout=POOL_WAIT_S,
                pool_pre_ping=True,
            )
        )
    saver = PostgresSaver(pool)
    return Storage(saver, store, engine, locks, server.queue_url, server.executor_id)


async def _set_up(server: _Server, locks: Locks) -> None:
    """Make the tables, one process at a time, on a connection whose statements may take long."""
    async with locks.held("setup", SETUP_WAIT_S), await server.connect() as connection:
        await PostgresSaver(connection).setup()
        store = PostgresStore(connection)
        try:
            await store.setup()
        finally:
            await store.aclose()


async def _limited(connection: Connection) -> None:
    await connection.execute(
        "SELECT set_config('statement_timeout', %s, false)", (f"{STATEMENT_LIMIT_S}s",)
    )


def _checked(url: str) -> str:
    """The address; raises ValueError for one that other readers may split elsewhere."""
    parts = urlsplit(url)
    if url.count("@") != parts.netloc.count("@") or url.count("@") > 1 or parts.fragment:
        raise ValueError
    if parts.port == 0 or not parts.path.strip("/"):
        raise ValueError
    return url
