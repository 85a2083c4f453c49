"""A relay in front of a graph database that hears who logs in, and can fail one of the drivers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal
from urllib.parse import urlsplit

COPYING = b"netforge-memory"
"""What the driver of the copy calls itself."""
USER = b"principal"
Fault = Literal["hangs", "is away"]


class BoltRelay:
    """Passes bytes on, except to a driver that fails: that one is held, or its connection ends."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._writers: set[asyncio.StreamWriter] = set()
        self.uri = ""
        self.heard: list[bytearray] = []
        """What each client said, in the order of their connections."""
        self.fault: Fault | None = None
        """What becomes of the driver of the copy."""

    @property
    def users(self) -> dict[str, set[str]]:
        """Who logged in: of the copy's driver, and of the others."""
        found: dict[str, set[str]] = {"copy": set(), "others": set()}
        for said in self.heard:
            _, named, rest = bytes(said).partition(USER)
            if named:
                # A text of less than 16 bytes begins with its length, in half a byte.
                user = rest[1 : 1 + (rest[0] & 0x0F)].decode()
                found["copy" if COPYING in said else "others"].add(user)
        return found

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        there, back = await asyncio.open_connection(*self._target)
        said = bytearray()
        self.heard.append(said)
        self._writers |= {writer, back}
        answers = asyncio.create_task(self._pass_on(there, writer))
        with suppress(ConnectionError):
            while received := await reader.read(65536):
                said += received
                if COPYING in said and self.fault == "hangs":
                    continue
                if COPYING in said and self.fault == "is away":
                    break
                back.write(received)
                await back.drain()
        for end in (writer, back):
            end.transport.abort()
        await answers

    def close(self) -> None:
        """End every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while received := await reader.read(65536):
                writer.write(received)
                await writer.drain()


@asynccontextmanager
async def bolt_relay(uri: str) -> AsyncIterator[BoltRelay]:
    """A relay to the server at that address, on a free loopback port."""
    parts = urlsplit(uri)
    relay = BoltRelay(str(parts.hostname), int(parts.port or 0))
    server = await asyncio.start_server(relay.connected, "127.0.0.1", 0)
    relay.uri = f"bolt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield relay
    finally:
        relay.close()
        server.close()
        await server.wait_closed()
