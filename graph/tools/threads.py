"""Threads for the clients that block: one pool, owned by the composition root."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

THREADS = 32
"""The loop's own pool has six threads on two cores: eight calls in a step would wait in turn."""

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """Runs blocking calls off the loop."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the call returns or raises.

        A caller that is cancelled goes on at once; the call ends by its client's own limits.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: call(*args, **kwargs))


@asynccontextmanager
async def open_threads() -> AsyncIterator[Threads]:
    """The pool; at the end what waits is dropped, and what runs ends by its own limits."""
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="source")
    try:
        yield Threads(pool)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
