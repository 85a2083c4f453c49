"""The stand-in behind the MiniMax double in a process of its own, so that it costs us nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from bench.apart import apart
from lab import minimax, standin

ANALYST = "MiniMax-M2.5"


@dataclass(frozen=True)
class Provider:
    """Where it is, and the pipe to it."""

    url: str
    pipe: Connection

    async def most_at_once(self) -> int:
        """How many of the analyst's requests were open at once, at most, since it was started."""
        await asyncio.to_thread(self.pipe.send, None)
        most: int = await asyncio.to_thread(self.pipe.recv)
        return most


class Watch:
    """The stand-in, counting the analyst's requests that are open."""

    def __init__(self) -> None:
        self.most = 0
        self._answered = 0
        self.double: minimax.MiniMaxDouble | None = None

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer as the stand-in does. The number open is highest just before an answer."""
        if body["model"] == ANALYST and self.double is not None:
            self.most = max(self.most, len(self.double.of(ANALYST)) - self._answered)
            self._answered += 1
        return standin.answer(body)


@asynccontextmanager
async def serve(delay_s: float) -> AsyncIterator[Provider]:
    """The endpoint, whose answers take `delay_s`; the process is ended at the end."""
    async with apart(_main, delay_s) as pipe:
        yield Provider(await asyncio.to_thread(pipe.recv), pipe)


def _main(pipe: Connection, delay_s: float) -> None:
    asyncio.run(_serve(pipe, delay_s))


async def _serve(pipe: Connection, delay_s: float) -> None:
    watch = Watch()
    async with minimax.serve(watch) as double:
        watch.double, double.delay_s = double, delay_s
        pipe.send(double.url)
        with suppress(EOFError):
            while True:
                await asyncio.to_thread(pipe.recv)
                pipe.send(watch.most)
