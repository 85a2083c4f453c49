"""The turns: each accepted question ends in an answer or a recorded failure, whatever happens.

A turn runs in a task of its own, so that it outlives whoever asked. Its row in `graph.runs` is
written before its first step and ended after its last. What is found unfinished with nobody at
work on its thread is resumed from its last checkpoint.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextvars import copy_context
from functools import partial
from typing import Any, cast

from langgraph.graph.state import CompiledStateGraph

from graph.attempt import Attempt, Seed, broken_off
from graph.errors import KeyReused, RunEnded, RunUnknown, ThreadBusy, TooManyRuns
from graph.observers import NOBODY, Observers, Work, at_work
from graph.run import STUDIO, Asked, Event, Run, RunStatus, answer_of, summary
from graph.run_log import RunLog, opened, place
from graph.runs import UNFINISHED, Runs
from graph.state import Investigation
from graph.storage import STORAGE_ERRORS, Locks, in_one_line
from graph.thread_lock import lock_name, take

logger = logging.getLogger(__name__)

AT_ONCE = 64
"""Turns that this process works on at the same time; the others wait for their place."""
ACCEPTED = 1000
"""Turns that this process has accepted and not ended; beyond them none is accepted."""
RESUMED_AT_ONCE = 20
POLL_S = 0.5
CANCEL_LIMIT_S = 15.0

Tell = Callable[[], None]


class Turns:
    """Runs turns, one at a time on a thread, over all processes on the same database."""

    def __init__(
        self,
        graph: CompiledStateGraph[Any, Any, Any, Any],
        runs: Runs,
        locks: Locks,
        step_limit: int,
        observers: Observers = NOBODY,
    ) -> None:
        self._graph = graph
        self._runs = runs
        self._locks = locks
        self._step_limit = step_limit
        self._observers = observers
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._logs: dict[str, RunLog] = {}
        """Of the runs that this process has accepted or works on, and not ended."""
        self._steps: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, asked: Asked, seed: Seed | None = None) -> tuple[Run, bool]:
        """Accept a question: its run, and whether that is new; it is started at once.

        With a seed, which a fork has, it goes on from there on a thread that has nothing yet.
        Raises ThreadBusy while another runs on its thread and it is not to wait, TooManyRuns,
        KeyReused when its key was used for something else, STORAGE_ERRORS.
        """
        if asked.key is not None and (known := await self._runs.of_key(asked.key)):
            return _same(asked, known), False
        if len(self._logs) >= ACCEPTED:
            raise TooManyRuns(f"{ACCEPTED} questions are waiting here; ask again in a minute")
        if not asked.queue:
            try:
                await take(asked.thread_id, self._locks, self._runs)
            except ThreadBusy:
                if asked.key is not None and (known := await self._runs.of_key(asked.key)):
                    return _same(asked, known), False
                raise
        run = None
        try:
            if seed is not None:
                await seed.put(self._graph, asked, self._step_limit)
            run = await self._runs.add(asked)
        finally:
            if run is None and not asked.queue:
                await self._locks.release(lock_name(asked.thread_id))
        if run is None:
            return await self._added_before(asked), False
        self._logs[run["run_id"]] = opened(run, 1, copy_context())
        self._task(self._drive(run["thread_id"], held=not asked.queue))
        return run, True

    async def follow(self, run_id: str, after: str | None = None) -> AsyncIterator[Event]:
        """What happens in that run after the event of that id, from the first on, to its end.

        Raises RunUnknown, and StateUnavailable when the run broke off here: it goes on later.
        """
        while True:
            if log := self._logs.get(run_id):
                async for event in log.read(after):
                    yield event
                    after = event["id"]
                if not log.left:
                    return
                continue
            run = await self.known(run_id)
            if run["status"] not in UNFINISHED:
                events = await self._runs.events(run_id)
                for event in events[place(events, after) :]:
                    yield event
                return
            # Another process works on it, or nobody does just now.
            await asyncio.sleep(POLL_S)

    async def cancel(self, run_id: str) -> Run:
        """Cancel that run, wherever it runs, and wait for its end; the run.

        Raises RunUnknown, RunEnded when there is nothing to cancel.
        """
        run = await self.known(run_id)
        if run["origin"] == STUDIO:
            raise RunEnded(f"run {run_id} belongs to langgraph dev; cancel it there")
        if not await self._runs.ask_cancel(run_id):
            raise RunEnded(f"run {run_id} has ended: it is {run['status']}")
        # It is asked for: from now on nobody starts it.
        if (run := await self.known(run_id))["status"] == "queued":
            (await self._cancelled(run, self._logs.get(run_id) or opened(run, 1)))()
        elif step := self._steps.get(run_id):
            step.cancel()
        try:
            async with asyncio.timeout(CANCEL_LIMIT_S):
                async for _ in self.follow(run_id):
                    pass
        except TimeoutError:
            logger.warning("run %s is to be cancelled and has not ended yet", run_id)
        return await self.known(run_id)

    async def known(self, run_id: str) -> Run:
        """That run. Raises RunUnknown."""
        run = await self._runs.get(run_id)
        if run is None:
            raise RunUnknown(f"no run {run_id} is known")
        return run

    async def round(self, number: int) -> None:  # noqa: ARG002 (it is the upkeep's)
        """Work on what nobody works on, and cancel what others asked; does not wait for it."""
        try:
            known = await self._runs.some(list(self._logs))
            unfinished = await self._runs.unfinished(limit=RESUMED_AT_ONCE + len(self._logs))
        except STORAGE_ERRORS as error:
            logger.warning("accepted questions wait for the database: %s", in_one_line(error))
            return
        for run in known:
            step, log = self._steps.get(run["run_id"]), self._logs.get(run["run_id"])
            if step and run["cancel_asked"]:
                step.cancel()
            if log and log.waits and run["status"] != "queued":
                # It was accepted here, and another process took it up or cancelled it.
                del self._logs[run["run_id"]]
                log.leave()
        for thread_id in dict.fromkeys(run["thread_id"] for run in unfinished):
            self._task(self._drive(thread_id))

    async def aclose(self) -> None:
        """Break off what runs; the next start goes on with it."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _added_before(self, asked: Asked) -> Run:
        """What has the same key or id, when it was added while this one was checked."""
        known = await self._runs.of_key(asked.key) if asked.key is not None else None
        if known is None:
            raise KeyReused(f"there is a run {asked.run_id} already")
        return _same(asked, known)

    async def _drive(self, thread_id: str, *, held: bool = False) -> None:
        """Run what is unfinished on a thread, in its order, unless somebody else does."""
        name = lock_name(thread_id)
        while held or await self._locks.take(name):
            ended: Tell | None = None
            try:
                while waiting := await self._runs.unfinished(thread_id=thread_id, limit=1):
                    if ended:
                        ended()
                    async with self._slots:
                        ended = await self._run(waiting[0])
            except STORAGE_ERRORS as error:
                said = in_one_line(error)
                logger.warning("a turn on thread %r waits for the database: %s", thread_id, said)
                return
            finally:
                await self._locks.release(name)
                # Only now, so that whoever reads its end finds the thread free.
                if ended:
                    ended()
            held = False
            if not await self._runs.unfinished(thread_id=thread_id, limit=1):
                return

    async def _run(self, run: Run) -> Tell:
        """Run or resume it to its end; what is returned tells its readers of it."""
        run_id, number = run["run_id"], run["attempts"] + 1
        log = self._log(run, number)
        attempt = Attempt(self._graph, self._step_limit, run, number, log)
        tell = None
        try:
            if await self._runs.start(run_id, number) and await self._completed(attempt):
                state = await attempt.state()
                tell = await self._answered(run, log, state)
            else:
                await attempt.record_cancelled()
                tell = await self._cancelled(run, log)
            return tell
        finally:
            if tell is None:
                self._logs.pop(run_id, None)
                log.end(error=broken_off(run_id, sys.exc_info()[1]))

    def _log(self, run: Run, number: int) -> RunLog:
        """The log of the attempt that begins: the one of its acceptance, when it is the first."""
        log = self._logs.get(run["run_id"])
        if log is None or log.attempt != number:
            if log:
                log.leave()
            log = self._logs[run["run_id"]] = opened(run, number)
        log.waits = False
        return log

    async def _completed(self, attempt: Attempt) -> bool:
        """Whether it came to its end; False when it was cancelled."""
        run_id = attempt.run["run_id"]
        context = attempt.log.context
        context.run(at_work.set, Work("turn", run_id, attempt.run["thread_id"], id=run_id))
        step = asyncio.create_task(attempt.to_its_end(), context=context)
        self._steps[run_id] = step
        try:
            await asyncio.wait({step})
        finally:
            step.cancel()
            await asyncio.wait({step})
            del self._steps[run_id]
        if step.cancelled():
            return False
        step.result()
        return True

    async def _answered(self, run: Run, log: RunLog, state: Investigation) -> Tell:
        run_id = run["run_id"]
        status: RunStatus = "failed" if state.get("failure") else "done"
        last = log.next("answered", {"run_id": run_id, "status": status, **answer_of(state)})
        await self._ended(run, log, last, status=status, **summary(state))
        return partial(self._tell, run_id, log, last)

    async def _cancelled(self, run: Run, log: RunLog) -> Tell:
        run_id = run["run_id"]
        last = log.next("cancelled", {"run_id": run_id, "status": "cancelled"})
        await self._ended(run, log, last, status="cancelled")
        return partial(self._tell, run_id, log, last)

    async def _ended(self, run: Run, log: RunLog, last: Event, **known: Any) -> None:
        await self._runs.keep_events(run["run_id"], [*log.events, last])
        if await self._runs.end(run["run_id"], **known):
            log.context.run(self._observers.run_ended, cast(Run, {**run, **known}))

    def _tell(self, run_id: str, log: RunLog, last: Event) -> None:
        log.end(last)
        self._logs.pop(run_id, None)

    def _task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("a turn broke; the next round starts it again", exc_info=error)


def _same(asked: Asked, known: Run) -> Run:
    if asked.key_digest != known["key_digest"]:
        raise KeyReused(
            f"key {asked.key!r} was used to ask something else, in run {known['run_id']}"
        )
    return known
