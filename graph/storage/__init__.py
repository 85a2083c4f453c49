"""Everything that outlives the process: checkpoints, memory, locks, and where the queue is.

One switch: without DATABASE_URL it is SQLite files in the state directory, for one process;
with it one PostgreSQL database, for any number of processes.
"""

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from graph.settings import StateSettings

if TYPE_CHECKING:
    from graph.storage.locks import Locks
    from graph.storage.parts import STORAGE_ERRORS, Storage, in_one_line
else:
    _MODULES = {
        "Locks": "locks",
        "STORAGE_ERRORS": "parts",
        "Storage": "parts",
        "in_one_line": "parts",
    }

    def __getattr__(name: str) -> Any:
        """At its first use: the drivers of databases take a while, and a rerun needs none."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"graph.storage.{_MODULES[name]}"), name)


__all__ = ["STORAGE_ERRORS", "Locks", "Storage", "in_one_line", "open_storage"]


@asynccontextmanager
async def open_storage(settings: StateSettings, *, alone: bool = True) -> AsyncIterator["Storage"]:
    """Open what the settings name; everything is closed again at the end.

    With `alone` this process is the only one that works here: on these files, or under this
    executor id. Without it, it may read and hand over work while another process works. Raises
    StateUnavailable, one line with the remedy.
    """
    # Only here: see above.
    from graph.storage.postgres import open_database
    from graph.storage.sqlite import open_files

    opened = open_files if settings.database_url is None else open_database
    async with opened(settings, alone=alone) as storage:
        yield storage
