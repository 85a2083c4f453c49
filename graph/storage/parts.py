"""What storage consists of, and how its databases fail."""

import sqlite3
from dataclasses import dataclass, field
from typing import Any

import aiosqlite
import psycopg
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.store.base import BaseStore
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from graph.errors import StateUnavailable
from graph.storage.locks import Locks

STORAGE_ERRORS: tuple[type[Exception], ...] = (
    sqlite3.Error,
    aiosqlite.Error,
    psycopg.Error,
    SQLAlchemyError,
    StateUnavailable,
)
"""What saver, store, locks and queue raise when the database fails, or keeps one waiting for
too long. A pool that has no connection in time raises a psycopg.Error too."""


@dataclass(frozen=True)
class Storage:
    """Everything that outlives the process, open."""

    saver: BaseCheckpointSaver[Any]
    store: BaseStore
    engine: AsyncEngine
    """For the tables of `graph.storage.tables`."""
    locks: Locks
    queue_url: str = field(repr=False)
    """SQLAlchemy's address of the queue's database; on PostgreSQL it holds the password."""
    executor_id: str
    """The name under which this process works: no other works under it at the same time."""


def in_one_line(error: BaseException) -> str:
    """What a database said, without what SQLAlchemy adds to it."""
    said = str(getattr(error, "orig", None) or error).strip().splitlines()
    return said[0] if said else type(error).__name__
