"""Doubles in a process of their own, so that they cost what is measured nothing."""

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from typing import Any

END_LIMIT_S = 30


@asynccontextmanager
async def apart(work: Callable[..., None], *arguments: Any) -> AsyncIterator[Connection]:
    """Run `work(pipe, *arguments)` there; our end of the pipe.

    It is to end when nobody holds our end any more, which is so too when we are killed.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, *arguments))
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        await asyncio.to_thread(process.join, END_LIMIT_S)
        process.terminate()
