"""What saver, store and queue keep, the same on both databases."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.store.base import PutOp
from sqlalchemy import create_engine, text

from graph.storage import STORAGE_ERRORS, Storage, open_storage
from tests.conftest import DATABASES
from tests.graph.storage.conftest import MakeStorage

pytestmark = pytest.mark.parametrize("database", DATABASES, indirect=True)

THREAD: RunnableConfig = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}


async def checkpoint_kept(storage: Storage) -> dict[str, Any] | None:
    kept = await storage.saver.aget_tuple(THREAD)
    return kept and kept.checkpoint["channel_values"]


async def test_what_was_kept_is_there_for_a_second_opening(storage_settings: MakeStorage) -> None:
    values = {"said": "käse 日本", "nested": {"a": [1, None, 2.5]}}
    async with open_storage(storage_settings()) as storage:
        checkpoint = empty_checkpoint()
        checkpoint["channel_values"] = dict(values)
        versions: dict[str, str | int | float] = dict.fromkeys(values, "1")
        checkpoint["channel_versions"] = versions
        await storage.saver.aput(THREAD, checkpoint, {"source": "input", "step": 1}, versions)
        await storage.store.aput(("insights",), "k", {"text": "käse 日本"})
    async with open_storage(storage_settings()) as storage:
        assert await checkpoint_kept(storage) == values
        item = await storage.store.aget(("insights",), "k")
    assert item is not None
    assert item.value == {"text": "käse 日本"}


async def test_a_second_opening_that_is_not_alone_works_beside_the_first(
    storage_settings: MakeStorage,
) -> None:
    settings = storage_settings()
    async with open_storage(settings) as first, open_storage(settings, alone=False) as second:
        await second.store.aput(("receipts",), "turn", {"status": "pending"})
        item = await first.store.aget(("receipts",), "turn")
    assert item is not None
    assert first.executor_id == second.executor_id


async def test_the_address_of_the_queue_opens_with_sqlalchemy(
    storage_settings: MakeStorage, tmp_path: Path
) -> None:
    def ask(url: str) -> int:
        engine = create_engine(url)
        try:
            with engine.connect() as connection:
                return int(connection.execute(text("SELECT 1")).scalar_one())
        finally:
            engine.dispose()

    async with open_storage(storage_settings(state_dir=tmp_path / "ä b#c?d%41")) as storage:
        assert await asyncio.to_thread(ask, storage.queue_url) == 1
        assert storage.queue_url not in repr(storage)


async def test_a_batch_of_puts_with_a_bad_one_keeps_none_of_them(
    storage_settings: MakeStorage, database: dict[str, Any]
) -> None:
    settings = storage_settings()
    async with open_storage(settings) as storage:
        refused: dict[str, Any] = {"text": "\x00"}
        if not database:
            file = settings.state_dir / "memory.sqlite"
            with contextlib.closing(sqlite3.connect(file)) as connection:
                connection.execute(
                    "CREATE TRIGGER refuse BEFORE INSERT ON store WHEN new.key = 'bad' "
                    "BEGIN SELECT raise(ABORT, 'refused'); END"
                )
        with pytest.raises(STORAGE_ERRORS):
            await storage.store.abatch(
                [PutOp(("insights",), "good", {"n": 1}), PutOp(("patterns",), "bad", refused)]
            )
        assert await storage.store.asearch(()) == []


async def test_a_batch_whose_caller_is_cancelled_leaves_the_store_usable(
    storage_settings: MakeStorage,
) -> None:
    async with open_storage(storage_settings()) as storage:
        for turns_of_the_loop in range(12):
            ops = [PutOp((name,), str(turns_of_the_loop), {"n": 1}) for name in ("a", "b")]
            caller = asyncio.create_task(storage.store.abatch(ops))
            for _ in range(turns_of_the_loop):
                await asyncio.sleep(0)
            caller.cancel()
            await asyncio.wait([caller])
            await storage.store.aput(("after",), str(turns_of_the_loop), {"n": 1})
        kept = {name: len(await storage.store.asearch((name,), limit=50)) for name in ("a", "b")}
    assert kept["a"] == kept["b"]


async def test_closing_leaves_no_task_behind(storage_settings: MakeStorage) -> None:
    before = asyncio.all_tasks()
    async with open_storage(storage_settings()) as storage:
        await storage.store.aput(("a",), "k", {"n": 1})
    assert asyncio.all_tasks() == before
