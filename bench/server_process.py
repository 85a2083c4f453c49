"""The server as a process of its own, and the memory that it holds."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGTERM

from lab.ending import end

ROOT = Path(__file__).parents[1]
START_LIMIT_S = 60
STOP_LIMIT_S = 90
POLL_S = 0.2
LISTENING = re.compile(r"listening on \S+ port (\d+)")


class Served:
    """A running server."""

    def __init__(self, address: str, pid: int) -> None:
        self.address = address
        self.peak_mib = 0.0
        """Of all that `memory_mib` has seen."""
        self._pid = pid

    async def memory_mib(self) -> float:
        """The memory that the process holds now (its resident set)."""
        asked = await asyncio.create_subprocess_exec(
            *("ps", "-o", "rss=", "-p", str(self._pid)), stdout=asyncio.subprocess.PIPE
        )
        said, _ = await asked.communicate()
        held_mib = int(said) / 1024
        self.peak_mib = max(self.peak_mib, held_mib)
        return held_mib

    async def watch(self) -> None:
        """Look at the memory again and again, until cancelled."""
        while True:
            await self.memory_mib()
            await asyncio.sleep(POLL_S)


@asynccontextmanager
async def serve(settings: Mapping[str, str], folder: Path) -> AsyncIterator[Served]:
    """The server with these settings and no others; what it says is in `server.log` there."""
    path = folder / "server.log"
    with path.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "server"),
            cwd=folder,
            env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), **settings, "SERVER_PORT": "0"},
            stdout=log,
            stderr=log,
        )
    try:
        async with asyncio.timeout(START_LIMIT_S):
            while not (found := LISTENING.search(path.read_text())):
                assert process.returncode is None, path.read_text()
                await asyncio.sleep(POLL_S)
        yield Served(f"http://127.0.0.1:{found[1]}", process.pid)
    finally:
        await end(process, SIGTERM, STOP_LIMIT_S)
