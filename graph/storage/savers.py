"""The two savers, with what LangGraph's own server asks of one: copy a thread, undo runs.

LangGraph's savers lack both. That server then copies a thread itself, row by row and without the
order of the calls of one step, and cannot take back a run that another one replaces.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver


class SqliteSaver(AsyncSqliteSaver):
    """Checkpoints in a SQLite file."""

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy every checkpoint with its writes; all of it or nothing."""
        await self.setup()
        async with self.lock:
            try:
                target, source = str(target_thread_id), str(source_thread_id)
                await self.conn.execute(_SQLITE_COPY_CHECKPOINTS, (target, target, source))
                await self.conn.execute(_SQLITE_COPY_WRITES, (target, source))
                await self.conn.commit()
            finally:
                # After the commit there is nothing to take back.
                await self.conn.rollback()

    async def adelete_for_runs(self, run_ids: Iterable[str]) -> None:
        """Undo runs of LangGraph's server, all of them or none.

        Raises ValueError when a later step stands on one: it is read through its ancestors.
        """
        await self.setup()
        marks = ", ".join("?" * len(runs := [str(run_id) for run_id in run_ids]))
        of_runs = f"{_SQLITE_OF_RUNS} IN ({marks})"
        async with self.lock:
            try:
                families = await self.conn.execute_fetchall(
                    f"SELECT DISTINCT thread_id, checkpoint_ns FROM checkpoints WHERE {of_runs}",
                    runs,
                )
                for family in [tuple(row) for row in families]:
                    rows = await self.conn.execute_fetchall(
                        "SELECT checkpoint_id, parent_checkpoint_id, "
                        f"coalesce({of_runs}, 0) FROM checkpoints "
                        "WHERE thread_id = ? AND checkpoint_ns = ?",
                        (*runs, *family),
                    )
                    undone = _undone(family[0], [_Step(*row) for row in rows])
                    for statement, ids in (
                        (_SQLITE_DELETE_WRITES, [*undone.steps, *undone.bases]),
                        (_SQLITE_DELETE_CHECKPOINTS, undone.steps),
                    ):
                        await self.conn.executemany(statement, [(*family, id_) for id_ in ids])
                await self.conn.commit()
            finally:
                await self.conn.rollback()


class PostgresSaver(AsyncPostgresSaver):
    """Checkpoints in PostgreSQL."""

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy every checkpoint with its writes; all of it or nothing."""
        target, source = str(target_thread_id), str(source_thread_id)
        async with self._cursor() as cursor, cursor.connection.transaction():
            for statement in _POSTGRES_COPY:
                await cursor.execute(statement, {"target": target, "source": source})

    async def adelete_for_runs(self, run_ids: Iterable[str]) -> None:
        """Undo runs of LangGraph's server, all of them or none.

        Raises ValueError when a later step stands on one: it is read through its ancestors.
        """
        runs = [str(run_id) for run_id in run_ids]
        async with self._cursor() as cursor, cursor.connection.transaction():
            await cursor.execute(_POSTGRES_FAMILIES, (runs,))
            for family in await cursor.fetchall():
                thread, namespace = family["thread_id"], family["checkpoint_ns"]
                await cursor.execute(_POSTGRES_STEPS, (runs, thread, namespace))
                steps = [
                    _Step(row["checkpoint_id"], row["parent_checkpoint_id"], row["of_runs"])
                    for row in await cursor.fetchall()
                ]
                undone = _undone(thread, steps)
                known = {"thread": thread, "namespace": namespace}
                await cursor.execute(
                    _POSTGRES_DELETE_BLOBS, {**known, "steps": undone.steps, "bases": undone.kept}
                )
                ids = [*undone.steps, *undone.bases]
                await cursor.execute(_POSTGRES_DELETE_WRITES, (thread, namespace, ids))
                await cursor.execute(
                    _POSTGRES_DELETE_CHECKPOINTS, (thread, namespace, undone.steps)
                )


@dataclass(frozen=True)
class _Step:
    id: str
    parent: str | None
    of_runs: bool


@dataclass(frozen=True)
class _Undone:
    steps: list[str]
    """Checkpoints that go."""
    kept: list[str]
    """Those that they were made from, and that stay."""
    bases: list[str]
    """Of `kept`, those that nothing else was made from: their writes are the runs' own."""


def _undone(thread_id: str, steps: Sequence[_Step]) -> _Undone:
    gone = {step.id for step in steps if step.of_runs}
    stay = [step for step in steps if not step.of_runs]
    if any(step.parent in gone for step in stay):
        raise ValueError(
            f"a later step of thread {thread_id} stands on that run, and would lose its messages; "
            "fork the thread from an earlier step instead"
        )
    made_from = {step.parent for step in steps if step.of_runs}
    kept = [step.id for step in stay if step.id in made_from]
    elsewhere = {step.parent for step in stay}
    return _Undone(sorted(gone), kept, [id_ for id_ in kept if id_ not in elsewhere])


_SQLITE_COPY_CHECKPOINTS = """
    INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type,
                             checkpoint, metadata)
    SELECT ?, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint,
           CASE WHEN json_extract(CAST(metadata AS TEXT), '$.thread_id') IS NULL THEN metadata
           ELSE CAST(json_set(CAST(metadata AS TEXT), '$.thread_id', ?) AS BLOB) END
    FROM checkpoints WHERE thread_id = ?
"""
_SQLITE_COPY_WRITES = """
    INSERT INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel,
                        type, value)
    SELECT ?, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value
    FROM writes WHERE thread_id = ?
"""
# An edit of the state is nobody's run, though one that a node makes on another thread names it.
_SQLITE_OF_RUNS = """
    json_extract(CAST(metadata AS TEXT), '$.source') <> 'update'
    AND json_extract(CAST(metadata AS TEXT), '$.run_id')
"""
_SQLITE_DELETE_WRITES = (
    "DELETE FROM writes WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?"
)
_SQLITE_DELETE_CHECKPOINTS = (
    "DELETE FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?"
)
_POSTGRES_COPY = (
    """
    INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type,
                             checkpoint, metadata)
    SELECT %(target)s, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint,
           CASE WHEN metadata ? 'thread_id'
           THEN jsonb_set(metadata, '{thread_id}', to_jsonb(%(target)s::text))
           ELSE metadata END
    FROM checkpoints WHERE thread_id = %(source)s
    """,
    """
    INSERT INTO checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)
    SELECT %(target)s, checkpoint_ns, channel, version, type, blob
    FROM checkpoint_blobs WHERE thread_id = %(source)s
    """,
    """
    INSERT INTO checkpoint_writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path,
                                   idx, channel, type, blob)
    SELECT %(target)s, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob
    FROM checkpoint_writes WHERE thread_id = %(source)s
    """,
)
_POSTGRES_FAMILIES = """
    SELECT DISTINCT thread_id, checkpoint_ns FROM checkpoints
    WHERE metadata ->> 'source' <> 'update' AND metadata ->> 'run_id' = ANY(%s)
"""
_POSTGRES_STEPS = """
    SELECT checkpoint_id, parent_checkpoint_id,
           coalesce(
               metadata ->> 'source' <> 'update' AND metadata ->> 'run_id' = ANY(%s), false
           ) AS of_runs
    FROM checkpoints WHERE thread_id = %s AND checkpoint_ns = %s
"""
_POSTGRES_DELETE_BLOBS = """
    WITH versions AS (
        SELECT checkpoint_id, version.key AS channel, version.value AS version
        FROM checkpoints, jsonb_each_text(checkpoint -> 'channel_versions') AS version
        WHERE thread_id = %(thread)s AND checkpoint_ns = %(namespace)s
          AND (checkpoint_id = ANY(%(steps)s) OR checkpoint_id = ANY(%(bases)s))
    )
    DELETE FROM checkpoint_blobs
    WHERE thread_id = %(thread)s AND checkpoint_ns = %(namespace)s
      AND (channel, version) IN (
          SELECT channel, version FROM versions WHERE checkpoint_id = ANY(%(steps)s)
          EXCEPT SELECT channel, version FROM versions WHERE checkpoint_id = ANY(%(bases)s)
      )
"""
_POSTGRES_DELETE_WRITES = """
    DELETE FROM checkpoint_writes
    WHERE thread_id = %s AND checkpoint_ns = %s AND checkpoint_id = ANY(%s)
"""
_POSTGRES_DELETE_CHECKPOINTS = """
    DELETE FROM checkpoints
    WHERE thread_id = %s AND checkpoint_ns = %s AND checkpoint_id = ANY(%s)
"""
