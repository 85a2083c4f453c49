"""Tables of an older release get the columns that came later, whoever opens them first."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import text

from graph.run import FORK, Asked
from graph.runs import Runs
from graph.storage import open_storage
from tests.graph.storage.conftest import MakeStorage

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)

AT_ONCE = 6


async def with_a_run_of_an_older_release(settings: MakeStorage) -> None:
    async with open_storage(settings()) as storage:
        await Runs(storage.engine).add(Asked("What is slow?", "old", "t"))
        async with storage.engine.begin() as connection:
            await connection.execute(text("ALTER TABLE netforge_runs DROP COLUMN parent"))


async def test_a_column_that_came_later_is_added_and_the_rows_stay(
    storage_settings: MakeStorage,
) -> None:
    await with_a_run_of_an_older_release(storage_settings)
    async with open_storage(storage_settings()) as storage:
        runs = Runs(storage.engine)
        old = await runs.get("old")
        await runs.add(Asked("What is slow?", "new", "t", origin=FORK, parent="old"))
        new = await runs.get("new")
    assert old is not None
    assert new is not None
    assert (old["question"], old["parent"]) == ("What is slow?", None)
    assert (new["origin"], new["parent"]) == ("fork", "old")


async def test_many_may_find_it_missing_at_once(storage_settings: MakeStorage) -> None:
    await with_a_run_of_an_older_release(storage_settings)
    async with AsyncExitStack() as stack:
        opened = await asyncio.gather(
            *(
                stack.enter_async_context(open_storage(storage_settings(), alone=False))
                for _ in range(AT_ONCE)
            )
        )
        found = [await Runs(storage.engine).get("old") for storage in opened]
    assert [run and run["parent"] for run in found] == [None] * AT_ONCE
    assert all(found)
