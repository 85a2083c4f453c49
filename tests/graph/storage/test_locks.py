"""Locks: one holder at a time, also over processes, and what a crash and a restart leave."""

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from graph.errors import LockNotFree
from graph.storage import open_storage
from lab.postgres import PostgresServer
from tests.conftest import DATABASES
from tests.graph.storage.conftest import MakeStorage

on_both = pytest.mark.parametrize("database", DATABASES, indirect=True)
on_postgres = pytest.mark.parametrize("database", ["postgres"], indirect=True)


@on_both
async def test_a_taken_name_is_refused_until_it_is_given_back(
    storage_settings: MakeStorage,
) -> None:
    async with open_storage(storage_settings()) as storage:
        locks = storage.locks
        assert [await locks.take("a"), await locks.take("a")] == [True, False]
        assert await locks.take("b")
        await locks.release("a")
        await locks.release("a")
        assert await locks.take("a")
        with pytest.raises(LockNotFree, match=r"'a' was held by somebody else for 0\.1 s"):
            async with locks.held("a", 0.1):
                pass


@on_both
async def test_of_many_that_want_a_name_one_at_a_time_has_it(storage_settings: MakeStorage) -> None:
    inside: list[int] = []
    most: list[int] = []

    async def work(number: int) -> None:
        async with storage.locks.held("a", 30):
            inside.append(number)
            most.append(len(inside))
            await asyncio.sleep(0)
            inside.remove(number)

    async with open_storage(storage_settings()) as storage:
        await asyncio.gather(*(work(number) for number in range(6)))
    assert most == [1] * 6


@on_both
async def test_who_is_cancelled_while_taking_leaves_the_name_free(
    storage_settings: MakeStorage,
) -> None:
    async with open_storage(storage_settings()) as storage:
        for turns_of_the_loop in range(8):
            caller = asyncio.create_task(storage.locks.take("a"))
            for _ in range(turns_of_the_loop):
                await asyncio.sleep(0)
            if caller.done():
                await storage.locks.release("a")
            caller.cancel()
            await asyncio.wait([caller])
            async with storage.locks.held("a", 5):
                pass


@on_postgres
async def test_two_processes_on_one_database_exclude_each_other(
    storage_settings: MakeStorage,
) -> None:
    # On SQLite one process works; its locks are its own, and there is nothing to share.
    async with (
        open_storage(storage_settings()) as one,
        open_storage(storage_settings(executor_id="two")) as two,
    ):
        assert await one.locks.take("a")
        assert not await two.locks.take("a")
        assert not await two.locks.take("executor:one")
        await one.locks.release("a")
        async with two.locks.held("a", 5):
            assert not await one.locks.take("a")


@on_postgres
async def test_the_names_of_a_process_that_ends_are_free(storage_settings: MakeStorage) -> None:
    async with open_storage(storage_settings(executor_id="two")) as survivor:
        async with open_storage(storage_settings()) as dead:
            assert await dead.locks.take("a")
        async with survivor.locks.held("a", 5), survivor.locks.held("executor:one", 5):
            pass


@pytest.fixture
def sessions(database: dict[str, Any]) -> Callable[[str], int]:
    """How many sessions of that executor hold advisory locks, and end them."""

    def end(executor_id: str) -> int:
        with psycopg.connect(database["database_url"], autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid IN "
                "(SELECT pid FROM pg_locks WHERE locktype = 'advisory') AND application_name = %s",
                [f"netforge {executor_id}"],
            )
            return len(ended.fetchall())

    return end


@on_postgres
async def test_a_process_whose_session_broke_takes_its_names_again(
    storage_settings: MakeStorage, sessions: Callable[[str], int]
) -> None:
    async with (
        open_storage(storage_settings()) as one,
        open_storage(storage_settings(executor_id="two")) as two,
    ):
        assert await one.locks.take("a")
        assert await asyncio.to_thread(sessions, "one") == 1
        assert await one.locks.take("b")
        assert not await two.locks.take("a")
        assert not await two.locks.take("executor:one")


@on_postgres
async def test_a_name_that_another_took_meanwhile_is_logged(
    storage_settings: MakeStorage,
    sessions: Callable[[str], int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with (
        open_storage(storage_settings()) as one,
        open_storage(storage_settings(executor_id="two")) as two,
    ):
        assert await one.locks.take("a")
        assert await asyncio.to_thread(sessions, "one") == 1
        async with two.locks.held("a", 5):
            assert await one.locks.take("b")
            await one.locks.release("a")
            assert not await one.locks.take("a")
    assert "lock 'a' was lost with its session; another holds it now" in caplog.text


@on_postgres
async def test_a_name_held_while_the_server_is_away_can_be_given_back(
    storage_settings: MakeStorage, postgres_server: PostgresServer
) -> None:
    async with open_storage(storage_settings()) as storage:
        async with storage.locks.held("a", 5):
            await postgres_server.stop()
            try:
                with pytest.raises(psycopg.Error):
                    await storage.locks.take("b")
            finally:
                await postgres_server.start()
        assert [await storage.locks.take("a"), await storage.locks.take("b")] == [True, True]
