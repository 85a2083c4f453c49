"""What routes are given: the runtime that the application opened, and what was recorded in it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, cast

from fastapi import Depends, Request

from graph.runtime import Runtime
from replay.library import Library

REPLAYS_AT_ONCE = 1
"""Requests that read or run recordings at the same time. That is work of the processor, on the
loop that answers everybody: more of it at once would end no sooner, and delay the rest."""


def _runtime(request: Request) -> Runtime:
    return cast(Runtime, request.app.state.runtime)


Running = Annotated[Runtime, Depends(_runtime)]


async def _recordings(request: Request, runtime: Running) -> AsyncIterator[Library]:
    """The recordings, once it is this request's turn; until its answer is made."""
    async with cast(asyncio.Semaphore, request.app.state.replays):
        yield Library(
            graph=runtime.graph,
            runs=runtime.runs,
            receipts=runtime.receipts,
            engine=runtime.storage.engine,
        )


Recordings = Annotated[Library, Depends(_recordings, scope="function")]
