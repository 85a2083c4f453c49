"""What only a server does: it restarts, is set up by several at once, and is older than we are."""

import asyncio
from uuid import uuid4

import psycopg
import pytest

from graph.storage import Storage, open_storage
from lab.postgres import PostgresServer
from tests.graph.storage.conftest import MakeStorage

pytestmark = pytest.mark.parametrize("database", ["postgres"], indirect=True)


async def works(storage: Storage) -> bool:
    await storage.store.aput(("a",), "k", {"n": 1})
    await storage.saver.aget_tuple({"configurable": {"thread_id": "t"}})
    return await storage.store.aget(("a",), "k") is not None


async def test_a_restart_between_two_operations_is_survived(
    storage_settings: MakeStorage, postgres_server: PostgresServer
) -> None:
    async with open_storage(storage_settings()) as storage:
        assert all(await asyncio.gather(*(works(storage) for _ in range(5))))
        await postgres_server.restart()
        assert all(await asyncio.gather(*(works(storage) for _ in range(5))))
        assert await storage.locks.take("a")


async def test_an_operation_waits_for_a_server_that_comes_back(
    storage_settings: MakeStorage, postgres_server: PostgresServer
) -> None:
    async with open_storage(storage_settings()) as storage:
        await postgres_server.stop()
        waiting = asyncio.create_task(works(storage))
        done, _ = await asyncio.wait([waiting], timeout=1)
        await postgres_server.start()
        assert not done
        assert await waiting


async def test_replicas_set_up_an_empty_database_at_the_same_moment(
    storage_settings: MakeStorage, postgres_server: PostgresServer
) -> None:
    url = await postgres_server.database(f"empty_{uuid4().hex}")

    async def replica(number: int) -> bool:
        settings = storage_settings(database_url=url, executor_id=f"replica-{number}")
        async with open_storage(settings) as storage:
            return await works(storage)

    assert await asyncio.gather(*(replica(number) for number in range(4))) == [True] * 4


async def test_a_database_of_an_older_release_is_brought_up_to_date(
    storage_settings: MakeStorage,
) -> None:
    settings = storage_settings()
    assert settings.database_url is not None
    async with await psycopg.AsyncConnection.connect(
        settings.database_url.get_secret_value(), autocommit=True
    ) as connection:
        await connection.execute("DELETE FROM checkpoint_migrations WHERE v > 5")
        await connection.execute("DROP INDEX checkpoints_thread_id_idx")
        await connection.execute("ALTER TABLE checkpoint_writes DROP COLUMN task_path")
        await connection.execute("DELETE FROM store_migrations WHERE v > 1")
        await connection.execute("ALTER TABLE store DROP COLUMN expires_at, DROP ttl_minutes")
        await connection.execute(
            "INSERT INTO store (prefix, key, value) VALUES ('a', 'old', '{\"n\": 0}')"
        )
        async with open_storage(settings) as storage:
            assert await works(storage)
            old = await storage.store.aget(("a",), "old")
        versions = await connection.execute("SELECT max(v) FROM checkpoint_migrations")
        assert await versions.fetchone() == (9,)
    assert old is not None
    assert old.value == {"n": 0}
