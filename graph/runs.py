"""The runs: one row for each question that was asked, from its acceptance to its end.

A row is written before the first step, and its end after the last: what is found unfinished
with nobody at work on its thread belongs to a process that died, or broke off because the
database was away. Runs made in `langgraph dev` are here too, as that server begins them; to
resume those is its own business.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from graph.errors import InvalidCursor
from graph.run import STUDIO, Asked, Conversation, Event, Run, RunStatus
from graph.state import Turn
from graph.storage.tables import run_events, runs

UNFINISHED = ("queued", "running")
PAGE_LIMIT = 100


class Runs:
    """Reads and writes the rows. Methods raise `graph.storage.STORAGE_ERRORS`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, asked: Asked) -> Run | None:
        """A new row, queued; None when a run with this id or key is there already."""
        given = {
            "run_id": asked.run_id,
            "thread_id": asked.thread_id,
            "status": "queued",
            "origin": asked.origin,
            "parent": asked.parent,
            "key": asked.key,
            "key_digest": asked.key_digest,
            "question": asked.question,
            "focus": list(asked.focus),
            "alert": dict(asked.alert) if asked.alert is not None else None,
            "budgets": dict(asked.budgets),
            "labels": dict(asked.labels),
            "asked_at": _now(),
        }
        row = {**_BLANK, **given}
        try:
            async with self._engine.begin() as connection:
                await connection.execute(insert(runs).values(row))
        except IntegrityError:
            return None
        return cast(Run, row)

    async def get(self, run_id: str) -> Run | None:
        """That run, or None."""
        return await self._one(select(runs).where(runs.c.run_id == run_id))

    async def some(self, run_ids: Sequence[str]) -> list[Run]:
        """Those of these runs that there are."""
        return await self._all(select(runs).where(runs.c.run_id.in_(run_ids))) if run_ids else []

    async def of_key(self, key: str) -> Run | None:
        """The run that was asked for with that key, or None."""
        return await self._one(select(runs).where(runs.c.key == key))

    async def start(self, run_id: str, attempt: int) -> bool:
        """Say that it runs; False when it has ended, or is to be cancelled."""
        known = {"status": "running", "attempts": attempt}
        return await self._change(run_id, runs.c.cancel_asked.is_(False), **known)

    async def ask_cancel(self, run_id: str) -> bool:
        """Ask whoever runs it to cancel it; False when it has ended."""
        return await self._change(run_id, cancel_asked=True)

    async def end(self, run_id: str, status: RunStatus, **known: Any) -> bool:
        """Say how it ended, and what it came to; False when it has ended before."""
        return await self._change(run_id, status=status, ended_at=_now(), **known)

    async def add_of_studio(self, turn: Turn) -> None:
        """Add the row of a turn that was not asked through `graph.turns`: LangGraph's server."""
        if await self.get(turn["id"]) is None:
            await self.add(Asked(turn["question"], turn["id"], turn["thread_id"], origin=STUDIO))
            await self.start(turn["id"], 1)

    async def end_of_studio(self, turn_id: str, summary: dict[str, Any]) -> None:
        """End the row of a turn of LangGraph's server; others are ended after their last step."""
        status = "failed" if summary["reason"] else "done"
        known = {**summary, "status": status, "ended_at": _now()}
        await self._change(turn_id, runs.c.origin == STUDIO, **known)

    async def set_enriched(self, turn_id: str, known: dict[str, Any]) -> None:
        """Set these columns, also of a run that has ended."""
        async with self._engine.begin() as connection:
            await connection.execute(update(runs).where(runs.c.run_id == turn_id).values(**known))

    async def unfinished(
        self, *, thread_id: str | None = None, running: bool = False, limit: int = PAGE_LIMIT
    ) -> list[Run]:
        """Those of ours that have not ended, the one that was asked first first."""
        states = ("running",) if running else UNFINISHED
        statement = select(runs).where(runs.c.status.in_(states), runs.c.origin != STUDIO)
        if thread_id is not None:
            statement = statement.where(runs.c.thread_id == thread_id)
        return await self._all(statement.order_by(runs.c.asked_at, runs.c.run_id).limit(limit))

    async def count_unfinished(self) -> dict[str, int]:
        """How many of ours have not ended, by status."""
        statement = (
            select(runs.c.status, func.count())
            .where(runs.c.status.in_(UNFINISHED), runs.c.origin != STUDIO)
            .group_by(runs.c.status)
        )
        async with self._engine.connect() as connection:
            counted = [tuple(row) for row in await connection.execute(statement)]
        return {**dict.fromkeys(UNFINISHED, 0), **dict(counted)}

    async def page(
        self,
        *,
        limit: int = PAGE_LIMIT,
        cursor: str | None = None,
        thread_id: str | None = None,
        status: RunStatus | None = None,
        since: str | None = None,
    ) -> tuple[list[Run], str | None]:
        """Runs, the latest first, and the cursor of the next page, None when this is the last.

        Raises InvalidCursor for one that did not come from here.
        """
        wanted = [
            column == value
            for column, value in ((runs.c.thread_id, thread_id), (runs.c.status, status))
            if value is not None
        ]
        if since is not None:
            wanted.append(runs.c.asked_at >= since)
        if cursor is not None:
            asked_at, run_id = _position(cursor)
            same = and_(runs.c.asked_at == asked_at, runs.c.run_id < run_id)
            wanted.append(or_(runs.c.asked_at < asked_at, same))
        newest_first = (runs.c.asked_at.desc(), runs.c.run_id.desc())
        found = await self._all(
            select(runs).where(*wanted).order_by(*newest_first).limit(limit + 1)
        )
        more = len(found) > limit
        last = found[limit - 1] if more else None
        return found[:limit], f"{last['asked_at']}_{last['run_id']}" if last else None

    async def threads(
        self, *, limit: int = PAGE_LIMIT, cursor: str | None = None
    ) -> tuple[list[Conversation], str | None]:
        """Threads, that with the latest question first, and the cursor of the next page.

        Raises InvalidCursor for one that did not come from here.
        """
        last = func.max(runs.c.asked_at)
        statement = select(
            runs.c.thread_id, func.count().label("runs"), last.label("last_asked_at")
        ).group_by(runs.c.thread_id)
        if cursor is not None:
            asked_at, thread_id = _position(cursor)
            same = and_(last == asked_at, runs.c.thread_id < thread_id)
            statement = statement.having(or_(last < asked_at, same))
        statement = statement.order_by(last.desc(), runs.c.thread_id.desc()).limit(limit + 1)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        found = [cast(Conversation, dict(row)) for row in rows]
        end = found[limit - 1] if len(found) > limit else None
        return found[:limit], f"{end['last_asked_at']}_{end['thread_id']}" if end else None

    async def totals(self, since: str | None = None) -> dict[str, Any]:
        """Sums over the runs asked since then: runs by status, tokens, cost in USD."""
        wanted = [runs.c.asked_at >= since] if since is not None else []
        sums = [
            func.coalesce(func.sum(runs.c[name]), 0).label(name)
            for name in _BLANK
            if name.endswith(("_tokens", "_usd", "tool_calls"))
        ]
        by_status = select(runs.c.status, func.count()).where(*wanted).group_by(runs.c.status)
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(*sums).where(*wanted))).mappings().one()
            counted = (await connection.execute(by_status)).all()
        return {"runs": dict(counted), **row}

    async def keep_events(self, run_id: str, events: Sequence[Event]) -> None:
        """Keep all that happened in it, for those who ask after its end."""
        async with self._engine.begin() as connection:
            known = select(run_events.c.run_id).where(run_events.c.run_id == run_id)
            if (await connection.execute(known)).first() is None:
                row = {"run_id": run_id, "events": list(events)}
                await connection.execute(insert(run_events).values(row))

    async def events(self, run_id: str) -> list[Event]:
        """What `keep_events` kept; empty when that is nothing."""
        statement = select(run_events.c.events).where(run_events.c.run_id == run_id)
        async with self._engine.connect() as connection:
            found = (await connection.execute(statement)).scalar_one_or_none()
        return cast("list[Event]", found or [])

    async def _change(self, run_id: str, *where: Any, **known: Any) -> bool:
        """Set these columns of an unfinished run; one that has ended stays as it is."""
        unfinished = runs.c.status.in_(UNFINISHED)
        statement = update(runs).where(runs.c.run_id == run_id, unfinished, *where)
        async with self._engine.begin() as connection:
            changed = await connection.execute(statement.values(**known))
        return bool(changed.rowcount)

    async def _one(self, statement: Any) -> Run | None:
        found = await self._all(statement)
        return found[0] if found else None

    async def _all(self, statement: Any) -> list[Run]:
        async with self._engine.connect() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [cast(Run, dict(row)) for row in rows]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _position(cursor: str) -> tuple[str, str]:
    asked_at, separator, run_id = cursor.partition("_")
    if not separator or not run_id:
        raise InvalidCursor(f"{json.dumps(cursor)[:100]} is not a cursor that an answer gave")
    return asked_at, run_id


_BLANK: dict[str, Any] = {
    "ended_at": None,
    "attempts": 0,
    "cancel_asked": False,
    "root_cause": None,
    "reason": None,
    "visits": 0,
    "tool_calls": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "cost_usd": 0.0,
    "seconds": 0.0,
    "analyst_input_tokens": 0,
    "analyst_output_tokens": 0,
    "analyst_cost_usd": 0.0,
}
