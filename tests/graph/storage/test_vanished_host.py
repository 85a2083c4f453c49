"""A host that vanishes is noticed: by us on every connection, by the server on that of the locks.

The lab's PostgreSQL listens on loopback over TCP, so the options are those of real sockets.
"""

import os
import socket
import stat
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from graph.storage import open_storage
from graph.storage.locks import DEAD_HOST_S, PostgresLocks
from lab.postgres import PostgresServer
from tests.conftest import OpenRuntime
from tests.graph.storage.conftest import MakeStorage

pytestmark = pytest.mark.parametrize("database", ["postgres"], indirect=True)

QUESTION = "checkout-service is slow since half an hour. What is wrong?"


@contextmanager
def copied(descriptor: int) -> Iterator[socket.socket]:
    with socket.socket(fileno=os.dup(descriptor)) as copy:
        yield copy


def noticed_after_s(port: int) -> dict[int, tuple[int, float]]:
    """When this process takes the host at `port` for dead, by the near end of each connection.

    First when nothing is said, then when what was said is not acknowledged.
    """
    found = {}
    for name in (file.name for file in Path("/dev/fd").iterdir()):
        with suppress(OSError):
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            with copied(int(name)) as end:
                if end.getpeername()[1:2] == (port,):
                    found[end.getsockname()[1]] = _limits_s(end)
    return found


def _limits_s(end: socket.socket) -> tuple[int, float]:
    assert end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    idle_s, interval_s, count, unacknowledged_ms = (
        end.getsockopt(socket.IPPROTO_TCP, option)
        for option in (
            socket.TCP_KEEPIDLE,
            socket.TCP_KEEPINTVL,
            socket.TCP_KEEPCNT,
            socket.TCP_USER_TIMEOUT,
        )
    )
    return idle_s + interval_s * count, unacknowledged_ms / 1000 or float("inf")


@pytest.fixture
async def connections(
    open_lab: OpenRuntime, postgres_server: PostgresServer
) -> dict[str, set[tuple[int, float]]]:
    """The limits of a runtime's connections, by the name that they have on the server."""
    limits = defaultdict(set)
    async with open_lab() as runtime:
        await runtime.investigate(QUESTION, thread_id="t")
        noticed = noticed_after_s(postgres_server.port)
        async with (
            await psycopg.AsyncConnection.connect(postgres_server.url) as admin,
            await admin.execute(
                "SELECT application_name, client_port FROM pg_stat_activity"
            ) as rows,
        ):
            async for name, near_end in rows:
                if near_end in noticed:
                    limits[name].add(noticed[near_end])
    return limits


async def test_a_silent_server_is_taken_for_dead_on_the_connections_of_saver_store_and_locks(
    connections: dict[str, set[tuple[int, float]]],
) -> None:
    assert connections["netforge one"] == {(DEAD_HOST_S, DEAD_HOST_S)}


async def test_a_silent_server_is_taken_for_dead_on_the_connections_of_the_queue(
    connections: dict[str, set[tuple[int, float]]],
) -> None:
    assert connections["dbos_transact"] == {(DEAD_HOST_S, DEAD_HOST_S)}
    assert connections["dbos_transact_client"] == {(DEAD_HOST_S, DEAD_HOST_S)}


async def test_the_server_takes_a_silent_holder_of_locks_for_dead(
    storage_settings: MakeStorage,
) -> None:
    async with open_storage(storage_settings()) as storage:
        assert isinstance(storage.locks, PostgresLocks)
        session = storage.locks._session
        assert session is not None
        shown = {}
        for name in ("idle", "interval", "count"):
            cursor = await session.execute(f"SHOW tcp_keepalives_{name}")
            [shown[name]] = (await cursor.fetchone() or {}).values()
    idle_s, interval_s, count = (int(value) for value in shown.values())
    assert idle_s + interval_s * count == DEAD_HOST_S
