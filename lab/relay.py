"""A relay in front of a server on loopback; cut, the server is gone in the middle of things."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Relay:
    """Passes bytes on to one server, until it is cut."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.delay_s = 0.0
        """How much later what the server says arrives."""

    async def open(self) -> None:
        """Listen on a free loopback port, `port`."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Close what is open and listen no more."""
        if self._server:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        pair = {writer, back}
        self._writers |= pair
        try:
            await asyncio.gather(
                self._pass_on(reader, back, late=False), self._pass_on(there, writer, late=True)
            )
        finally:
            self._writers -= pair
            for end in pair:
                end.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late: bool
    ) -> None:
        with suppress(ConnectionError):
            while received := await reader.read(65536):
                await asyncio.sleep(self.delay_s if late else 0)
                writer.write(received)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def relay(host: str, port: int) -> AsyncIterator[Relay]:
    """A relay to that server, cut at the latest at the end."""
    between = Relay(host, port)
    await between.open()
    try:
        yield between
    finally:
        between.cut()
