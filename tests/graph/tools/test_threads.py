"""Blocking clients in threads: the loop goes on, and so does a caller that gives up."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator

import pytest

from graph.tools.threads import THREADS, Threads, open_threads

PATIENCE_S = 10
SIDE_BY_SIDE = 8
"""Calls of one step."""


@pytest.fixture
async def threads() -> AsyncIterator[Threads]:
    async with open_threads() as opened:
        yield opened


class Blocked:
    """A call that waits until it is let go, and says when it has begun."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go = threading.Event()
        self.ended = threading.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self) -> str:
        self._loop.call_soon_threadsafe(self.begun.set)
        let_go = self.go.wait(PATIENCE_S)
        self.ended.set()
        return "let go" if let_go else "forgotten"


async def test_a_call_gets_its_arguments_and_returns_its_answer(threads: Threads) -> None:
    assert await threads.run(int, "ff", base=16) == 255


async def test_an_exception_of_the_call_reaches_the_caller(threads: Threads) -> None:
    with pytest.raises(ZeroDivisionError):
        await threads.run(divmod, 1, 0)
    assert await threads.run(divmod, 7, 2) == (3, 1)


async def test_a_call_runs_off_the_loop(threads: Threads) -> None:
    assert await threads.run(threading.get_ident) != threading.get_ident()


async def test_a_blocked_call_does_not_block_the_loop(threads: Threads) -> None:
    blocked = Blocked()
    asked = asyncio.create_task(threads.run(blocked))
    await asyncio.wait_for(blocked.begun.wait(), PATIENCE_S)
    blocked.go.set()  # Only a loop that goes on comes here before the call has ended.
    assert await asked == "let go"


async def test_calls_of_one_step_run_side_by_side(threads: Threads) -> None:
    assert SIDE_BY_SIDE <= THREADS
    meeting = threading.Barrier(SIDE_BY_SIDE)
    calls = (threads.run(meeting.wait, PATIENCE_S) for _ in range(SIDE_BY_SIDE))
    assert sorted(await asyncio.gather(*calls)) == list(range(SIDE_BY_SIDE))


async def test_a_caller_that_is_cancelled_goes_on_while_the_call_runs(threads: Threads) -> None:
    blocked = Blocked()
    asked = asyncio.create_task(threads.run(blocked))
    await asyncio.wait_for(blocked.begun.wait(), PATIENCE_S)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert not blocked.ended.is_set()
    blocked.go.set()
    assert await threads.run(blocked.ended.wait, PATIENCE_S)


async def test_closing_does_not_wait_for_what_runs_and_drops_what_waits() -> None:
    blocked = [Blocked() for _ in range(THREADS)]
    late = Blocked()
    async with open_threads() as threads:
        running = [asyncio.create_task(threads.run(call)) for call in blocked]
        waiting = asyncio.create_task(threads.run(late))
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*(call.begun.wait() for call in blocked))
    assert not any(call.ended.is_set() for call in blocked)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not late.begun.is_set()
    for call in blocked:
        call.go.set()
    assert await asyncio.gather(*running) == ["let go"] * THREADS


async def test_a_closed_pool_takes_no_further_call() -> None:
    async with open_threads() as threads:
        pass
    with pytest.raises(RuntimeError, match="shutdown"):
        await threads.run(int)


async def test_the_pool_is_closed_when_the_work_on_it_fails() -> None:
    with contextlib.suppress(ZeroDivisionError):
        async with open_threads() as threads:
            raise ZeroDivisionError
    with pytest.raises(RuntimeError, match="shutdown"):
        await threads.run(int)
