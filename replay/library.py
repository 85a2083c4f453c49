"""Where recordings come from: the runs of a database, and what was imported beside them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from graph.errors import RunUnknown, StateUnavailable
from graph.receipts import Receipts
from graph.run import Run
from graph.runs import Runs
from graph.settings import StateSettings
from graph.storage import STORAGE_ERRORS, in_one_line, open_storage
from graph.storage.tables import recordings
from replay.file.document import UnreadableRecording, from_text
from replay.reading import Graph, read
from replay.recording import Recording
from replay.running.offline import reading_graph


@dataclass(frozen=True)
class Library:
    """The runs of one database, and the recordings that were imported into it."""

    graph: Graph
    runs: Runs
    receipts: Receipts
    engine: AsyncEngine

    async def recording(self, run_id: str) -> Recording:
        """The recording of that run. Raises RunUnknown, UnreadableValue, STORAGE_ERRORS."""
        if run := await self.runs.get(run_id):
            return await read(self.graph, run)
        statement = select(recordings.c.document).where(recordings.c.run_id == run_id)
        async with self.engine.connect() as connection:
            text = (await connection.execute(statement)).scalar_one_or_none()
        if text is None:
            raise RunUnknown(f"no run {run_id} is known here, and none was imported")
        return await asyncio.to_thread(from_text, text)

    async def imported(self, limit: int = 1000) -> list[Recording]:
        """The recordings that were imported, the latest asked first.

        Raises UnreadableRecording, STORAGE_ERRORS.
        """
        columns = (recordings.c.run_id, recordings.c.document)
        statement = select(*columns).order_by(recordings.c.asked_at.desc())
        async with self.engine.connect() as connection:
            rows = (await connection.execute(statement.limit(limit))).all()
        return [await asyncio.to_thread(_imported, *row) for row in rows]

    async def keep(self, text: str) -> Recording:
        """Import the recording in that text.

        Raises UnreadableRecording, also for a run that is known here already.
        """
        found = from_text(text)
        known: Run | None = await self.runs.get(found.run_id)
        row = {"run_id": found.run_id, "asked_at": str(found.run["asked_at"]), "document": text}
        try:
            if known is None:
                async with self.engine.begin() as connection:
                    await connection.execute(insert(recordings).values(row))
                return found
        except IntegrityError:
            pass
        raise UnreadableRecording(f"run {found.run_id} is here already")


@asynccontextmanager
async def open_library(settings: StateSettings) -> AsyncIterator[Library]:
    """The library of what these settings name, beside whatever works there.

    Raises StateUnavailable, also where nothing was ever kept, and for what its database says
    while it is open.
    """
    folder = settings.state_dir
    if settings.database_url is None and not await asyncio.to_thread(folder.is_dir):
        raise StateUnavailable(
            f"STATE_DIR={folder} is not there: nothing was recorded here; set STATE_DIR or "
            "DATABASE_URL, or give a file instead of a run's id"
        )
    try:
        async with open_storage(settings, alone=False) as storage:
            yield Library(
                graph=reading_graph(storage.saver),
                runs=Runs(storage.engine),
                receipts=Receipts(storage.store, storage.locks),
                engine=storage.engine,
            )
    except StateUnavailable:
        raise
    except STORAGE_ERRORS as error:
        raise StateUnavailable(
            f"what is kept cannot be read or written: {in_one_line(error)}; see the database's log"
        ) from error


def _imported(run_id: str, text: str) -> Recording:
    try:
        return from_text(text)
    except UnreadableRecording as error:
        raise UnreadableRecording(f"run {run_id}, which was imported: {error}") from None
