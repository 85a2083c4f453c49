"""A database of another version is brought up to date when it is opened, and loses nothing."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from dbos import DBOS, _migration
from langchain_core.messages import BaseMessage
from sqlalchemy import create_engine, inspect, make_url, text

from graph.runtime import Runtime
from graph.state import Evidence
from tests.conftest import DATABASES, OpenRuntime

on_both = pytest.mark.parametrize("database", DATABASES, indirect=True)

QUESTION = "checkout-service is slow since half an hour. What is wrong?"
NEWEST = len(_migration.sqlite_migrations)
QUEUE_OF_3_0 = 114
"""How many migrations of the queue's tables dbos 3.0.0 knew."""
JOBS = ("workflow_status", "workflow_input")


class QueueTables:
    """The queue's tables, past their library."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine = create_engine(url)
        self._schema = None if self._engine.dialect.name == "sqlite" else "dbos"

    def rows(self, table: str) -> list[dict[str, Any]]:
        with self._engine.connect() as connection:
            found = connection.execute(text(f"SELECT * FROM {self._name(table)}"))
            return [dict(row) for row in found.mappings()]

    def make_older(self, version: int) -> None:
        """Make them anew with the migrations up to that one, and put the jobs in again."""
        jobs = {table: self.rows(table) for table in JOBS}
        self._drop()
        with pytest.MonkeyPatch.context() as patch:
            migrations = _migration.get_dbos_migrations
            older = _migration.sqlite_migrations[:version]
            patch.setattr("dbos._sys_db_sqlite.sqlite_migrations", older)
            patch.setattr(_migration, "get_dbos_migrations", lambda *of: migrations(*of)[:version])
            DBOS.migrate(self._url)
        with self._engine.begin() as connection:
            for table, rows in jobs.items():
                known = [
                    column["name"]
                    for column in inspect(connection).get_columns(table, self._schema)
                ]
                names, values = ", ".join(known), ", ".join(f":{name}" for name in known)
                put = f"INSERT INTO {self._name(table)} ({names}) VALUES ({values})"
                connection.execute(text(put), rows)

    def say_newer(self, version: int) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                text(f"UPDATE {self._name('dbos_migrations')} SET version={version}")
            )

    def close(self) -> None:
        self._engine.dispose()

    def _drop(self) -> None:
        if self._schema:
            with self._engine.begin() as connection:
                connection.execute(text(f"DROP SCHEMA {self._schema} CASCADE"))
            return
        self._engine.dispose()
        for file in Path(str(make_url(self._url).database)).parent.glob("queue.sqlite*"):
            file.unlink()

    def _name(self, table: str) -> str:
        return f"{self._schema}.{table}" if self._schema else table


async def with_one_waiting(open_lab: OpenRuntime) -> tuple[str, QueueTables]:
    """A turn whose enrichment waits in the queue when its process ends."""
    async with open_lab(enrichment_per_minute=1) as runtime:
        first = (await runtime.investigate(QUESTION, thread_id="first"))["turn"]["id"]
        await runtime.enrichment(first)
        waiting = (await runtime.investigate(QUESTION, thread_id="t"))["turn"]["id"]
        kept = await runtime.receipts.get(waiting)
        url = runtime.storage.queue_url
    assert kept is not None
    assert (kept["status"], kept["attempts"]) == ("pending", 0)
    return waiting, QueueTables(url)


async def ended_once(runtime: Runtime, turn_id: str) -> None:
    ended = await runtime.enrichment(turn_id)
    items = await runtime.memory.items()
    assert ended is not None
    assert (ended["status"], ended["attempts"]) == ("stored", 1)
    assert [item["turns"].count(turn_id) for item in items] == [1, 1]


@on_both
async def test_what_waits_in_a_queue_of_an_older_release_is_done(open_lab: OpenRuntime) -> None:
    waiting, tables = await with_one_waiting(open_lab)
    with closing(tables):
        await asyncio.to_thread(tables.make_older, QUEUE_OF_3_0)
        assert tables.rows("dbos_migrations") == [{"version": QUEUE_OF_3_0}]
        async with open_lab() as runtime:
            await ended_once(runtime, waiting)
            again = (await runtime.investigate(QUESTION, thread_id="t"))["turn"]["id"]
            await ended_once(runtime, again)
        assert tables.rows("dbos_migrations") == [{"version": NEWEST}]
        jobs = {row["workflow_uuid"]: row["status"] for row in tables.rows("workflow_status")}
    # The job itself, not one that the upkeep added because it had been lost.
    assert jobs[f"{waiting}:0"] == jobs[f"{again}:0"] == "SUCCESS"
    assert f"{waiting}:1" not in jobs


@on_both
async def test_a_queue_of_a_newer_release_is_used_as_it_is(open_lab: OpenRuntime) -> None:
    waiting, tables = await with_one_waiting(open_lab)
    with closing(tables):
        tables.say_newer(NEWEST + 7)
        async with open_lab() as runtime:
            await ended_once(runtime, waiting)
        assert tables.rows("dbos_migrations") == [{"version": NEWEST + 7}]


def made_older(folder: Path) -> None:
    """Take back what the releases of saver and store since then added to their files."""
    with closing(sqlite3.connect(folder / "checkpoints.sqlite")) as connection:
        connection.execute("ALTER TABLE writes DROP COLUMN task_path")
    with closing(sqlite3.connect(folder / "memory.sqlite", isolation_level=None)) as connection:
        connection.execute("DELETE FROM store_migrations WHERE v > 1")
        connection.execute("DROP INDEX idx_store_expires_at")
        connection.execute("ALTER TABLE store DROP COLUMN expires_at")
        connection.execute("ALTER TABLE store DROP COLUMN ttl_minutes")


def in_steps(messages: Sequence[BaseMessage]) -> list[list[BaseMessage]]:
    """As they were said; the order of calls that were made at once is in the missing column."""
    steps = groupby(messages, key=lambda message: message.type)
    return [sorted(step, key=lambda message: message.id or "") for _, step in steps]


def by_number(evidence: Sequence[Evidence]) -> list[Evidence]:
    return sorted(evidence, key=lambda entry: entry["id"])


async def test_files_of_an_older_release_keep_their_answers_and_what_was_learned(
    open_lab: OpenRuntime, tmp_path: Path
) -> None:
    async with open_lab() as runtime:
        first = await runtime.investigate(QUESTION, thread_id="t")
        await ended_once(runtime, first["turn"]["id"])
        learned = await runtime.memory.items()
    await asyncio.to_thread(made_older, tmp_path / "state")
    async with open_lab() as runtime:
        kept = await runtime.state("t")
        assert kept["report"] == first["report"]
        assert by_number(kept["evidence"]) == by_number(first["evidence"])
        assert in_steps(kept["messages"]) == in_steps(first["messages"])
        assert await runtime.memory.items() == learned
        second = await runtime.investigate(QUESTION, thread_id="t")
        await ended_once(runtime, second["turn"]["id"])
    told = len(first["messages"])
    assert in_steps(second["messages"][:told]) == in_steps(first["messages"])
    assert second["messages"][told].id == f"{second['turn']['id']}:question"
    with closing(sqlite3.connect(tmp_path / "state" / "memory.sqlite")) as connection:
        assert connection.execute("SELECT max(v) FROM store_migrations").fetchone() == (4,)
