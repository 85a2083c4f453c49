"""The tables that are ours alone: runs, their events, and recordings that were imported.

A column that is added later may be null: rows of an older release have none.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    inspect,
)
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_tables = MetaData()
runs = Table(
    "netforge_runs",
    _tables,
    Column("run_id", String(64), primary_key=True),
    Column("thread_id", String(200), nullable=False),
    Column("status", String(16), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("parent", String(64)),
    Column("key", String(300), unique=True),
    Column("key_digest", String(64)),
    Column("question", Text, nullable=False),
    Column("focus", JSON, nullable=False),
    Column("alert", JSON),
    Column("budgets", JSON, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("asked_at", String(32), nullable=False),
    Column("ended_at", String(32)),
    Column("attempts", Integer, nullable=False),
    Column("cancel_asked", Boolean, nullable=False),
    Column("root_cause", Text),
    Column("reason", Text),
    Column("visits", Integer, nullable=False),
    Column("tool_calls", Integer, nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("cost_usd", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("analyst_input_tokens", Integer, nullable=False),
    Column("analyst_output_tokens", Integer, nullable=False),
    Column("analyst_cost_usd", Float, nullable=False),
    Index("netforge_runs_by_time", "asked_at", "run_id"),
    Index("netforge_runs_by_thread", "thread_id", "asked_at"),
    Index("netforge_runs_by_status", "status"),
)
run_events = Table(
    "netforge_run_events",
    _tables,
    Column("run_id", String(64), primary_key=True),
    Column("events", JSON, nullable=False),
)
recordings = Table(
    "netforge_recordings",
    _tables,
    Column("run_id", String(64), primary_key=True),
    Column("asked_at", String(32), nullable=False),
    Column("document", Text, nullable=False),
)


@asynccontextmanager
async def opened(address: Any, **options: Any) -> AsyncIterator[AsyncEngine]:
    """Connections to that address, with the tables made or brought up to date."""
    engine = create_async_engine(address, hide_parameters=True, **options)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_set_up)
        yield engine
    finally:
        await engine.dispose()


def _set_up(connection: Connection) -> None:
    _tables.create_all(connection)
    if not _lacking(connection):
        return
    if connection.dialect.name == "sqlite":
        # Another process may find the same at the same time; on PostgreSQL one waits for the other.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    for column in _lacking(connection):
        kind = column.type.compile(connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {column.table} ADD COLUMN {column.name} {kind}")


def _lacking(connection: Connection) -> list[Column[Any]]:
    """The columns that tables of an older release do not have."""
    there, lacking = inspect(connection), []
    for table in _tables.sorted_tables:
        known = {column["name"] for column in there.get_columns(table.name)}
        lacking += [column for column in table.columns if column.name not in known]
    return lacking
