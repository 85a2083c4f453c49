"""The durable queue: DBOS keeps which enrichments wait, run and have ended, and starts them.

Its rows live in `queue.sqlite` or in the schema `dbos` of the database. A job is the id of a
turn; what is to be done is the checkpoint on the enrichment's thread. DBOS is one to a process,
so a process has one worker. Source: docs.dbos.dev, read at dbos 3.4.0.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer
from dbos._error import DBOSException  # dbos exports its exceptions nowhere else
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from graph.errors import StateUnavailable
from graph.storage import in_one_line

NAME = "enrich"
VERSION = "1"
"""Of what a job means. Pinned: by default it is a hash of the code, and jobs handed over before
a deployment would not be taken up after it."""
POLL_S = 0.25
LISTENER_POLL_S = 0.2
STOP_LIMIT_S = 10.0
ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
SWEEP_LIMIT = 1000
COUNT_LIMIT = 10_000
STATES = {"ENQUEUED": "waiting", "PENDING": "running"}
SCHEMA, TABLE = "dbos", "workflow_status"
"""Where DBOS keeps the jobs; on SQLite there is no schema."""

Run = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Limits:
    """How many enrichments a worker runs at once, and how many may be started in a minute."""

    concurrency: int
    per_minute: int | None


@dataclass(frozen=True)
class _Worker:
    loop: asyncio.AbstractEventLoop
    run: Run

    def submit(self, turn_id: str) -> "Future[None]":
        async def job() -> None:
            await self.run(turn_id)

        return asyncio.run_coroutine_threadsafe(job(), self.loop)


_worker: _Worker | None = None


@DBOS.workflow(name=NAME, max_recovery_attempts=None)
async def enrich(turn_id: str) -> None:
    """The workflow. DBOS calls it on a loop of its own; the work is done on the product's."""
    assert _worker is not None, "the worker is set before DBOS starts"
    await asyncio.wrap_future(_worker.submit(turn_id))


class Queue:
    """What any process on the same database may do with the jobs.

    Every method raises StateUnavailable when the database does not answer.
    """

    def __init__(self, client: DBOSClient) -> None:
        self._client = client

    async def add(self, turn_id: str, *, again: bool = False) -> None:
        """Add the job of that turn; a second time does nothing, unless it is to run `again`."""
        with _failures():
            number = 0
            if again:
                known = await self._client.list_workflows_async(
                    workflow_id_prefix=f"{turn_id}:", load_input=False, load_output=False
                )
                number = len(known)
            await self._client.enqueue_async(
                {
                    "queue_name": NAME,
                    "workflow_name": NAME,
                    "workflow_id": f"{turn_id}:{number}",
                    "app_version": VERSION,
                },
                turn_id,
            )

    async def has_at_least(self, count: int) -> bool:
        """Whether so many jobs, 1 or more, wait or run; answered from one row."""
        with _failures():
            waiting = ["ENQUEUED", "PENDING"]
            return bool(await self._listed(waiting, limit=1, offset=count - 1))

    async def has(self, turn_id: str) -> bool:
        """Whether a job of that turn waits or runs."""
        with _failures():
            states = ["ENQUEUED", "PENDING"]
            return bool(await self._listed(states, workflow_id_prefix=f"{turn_id}:"))

    async def count(self) -> dict[str, int]:
        """How many jobs wait and how many run, up to COUNT_LIMIT together."""
        with _failures():
            found = await self._client.list_workflows_async(
                status=list(STATES),
                queue_name=NAME,
                load_input=False,
                load_output=False,
                limit=COUNT_LIMIT,
            )
        counted = dict.fromkeys(STATES.values(), 0)
        for job in found:
            counted[STATES[job.status]] += 1
        return counted

    async def started(self, older_than_s: float) -> dict[str, str]:
        """The jobs that somebody started that long ago and nobody ended: {job: turn}."""
        before = (datetime.now(UTC) - timedelta(seconds=older_than_s)).isoformat()
        with _failures():
            found = await self._listed(["PENDING"], dequeued_before=before)
        return {job: job.rpartition(":")[0] for job in found}

    async def give_back(self, jobs: Sequence[str]) -> None:
        """Put started jobs back in the queue, for whoever takes them first."""
        with _failures():
            await self._client.resume_workflows_async(list(jobs), queue_name=NAME)

    async def sweep(self, older_than_days: float) -> int:
        """Delete the rows of jobs that ended that long ago; answers how many."""
        before = (datetime.now(UTC) - timedelta(days=older_than_days)).isoformat()
        with _failures():
            ended = await self._listed(ENDED, completed_before=before, limit=SWEEP_LIMIT)
            if ended:
                await self._client.delete_workflows_async(ended)
        return len(ended)

    async def _listed(self, status: list[str], **wanted: Any) -> list[str]:
        found = await self._client.list_workflows_async(
            status=status, queue_name=NAME, load_input=False, load_output=False, **wanted
        )
        return [job.workflow_id for job in found]


async def is_made(url: str) -> bool:
    """Whether a worker has been there once and made the queue's tables.

    Raises StateUnavailable when the database cannot be reached.
    """

    def looked() -> bool:
        engine = create_engine(url)
        try:
            schema = None if engine.dialect.name == "sqlite" else SCHEMA
            return inspect(engine).has_table(TABLE, schema)
        finally:
            engine.dispose()

    with _failures():
        return await asyncio.to_thread(looked)


@asynccontextmanager
async def open_queue(url: str) -> AsyncIterator[Queue]:
    """The queue of an existing database; a worker must have been there once to make it.

    Raises StateUnavailable when it cannot be reached.
    """

    def opened() -> DBOSClient:
        return DBOSClient(
            system_database_url=url,
            serializer=DBOSPortableJSONSerializer(),
            retry_connection_errors=False,
        )

    with _failures():
        client = await asyncio.to_thread(opened)
    try:
        yield Queue(client)
    finally:
        await asyncio.to_thread(client.destroy)


@asynccontextmanager
async def open_worker(url: str, executor_id: str, limits: Limits, run: Run) -> AsyncIterator[None]:
    """Start jobs with `run` while it is open; what was started and did not end is started again.

    Everything that blocks runs in a thread: launched there, DBOS keeps to a loop of its own.
    Raises StateUnavailable when the database cannot be used, or when this process has a worker.
    """
    global _worker
    if _worker is not None:
        raise StateUnavailable("this process has a worker for enrichments; it can have only one")
    _worker = _Worker(asyncio.get_running_loop(), run)
    try:
        with _failures():
            dbos = await asyncio.to_thread(_made, url, executor_id)
        try:
            with _failures():
                await asyncio.to_thread(_launch, limits)
            yield
        finally:
            await asyncio.to_thread(_stop, dbos)
    finally:
        _worker = None


def _stop(dbos: DBOS) -> None:
    """End DBOS; first what takes jobs, which would else start one on a loop that is closed."""
    for event in dbos.background_thread_stop_events:
        event.set()
    for thread in threading.enumerate():
        # The one that starts the takers and, told to stop, waits for each; of them one may be
        # only about to start, and cannot be waited for.
        if thread.name.endswith("(queue_thread)"):
            thread.join(STOP_LIMIT_S)
    DBOS.destroy()


def _made(url: str, executor_id: str) -> DBOS:
    config: DBOSConfig = {
        "name": "netforge",
        "system_database_url": url,
        "application_version": VERSION,
        "executor_id": executor_id,
        "serializer": DBOSPortableJSONSerializer(),
        "log_level": "WARNING",
        # Its listener serves nothing of ours, and the end of the process waits for its next look.
        "notification_listener_polling_interval_sec": LISTENER_POLL_S,
    }
    dbos = DBOS(config=config)
    logging.getLogger("dbos").addFilter(_is_news)
    return dbos


def _launch(limits: Limits) -> None:
    DBOS.launch()
    per_minute = limits.per_minute
    DBOS.register_queue(
        NAME,
        worker_concurrency=limits.concurrency,
        limiter={"limit": per_minute, "period": 60.0} if per_minute else None,
        polling_interval_sec=POLL_S,
        on_conflict="always_update",
    )


def _is_news(record: logging.LogRecord) -> bool:
    """False for what a stop makes DBOS say of each job that is parked: the branch says it once."""
    return not record.getMessage().startswith("Asyncio task cancelled for workflow")


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, DBOSException) as error:
        raise StateUnavailable(f"the queue cannot be used: {in_one_line(error)}") from error
