"""`python -m lab up` as a process."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.server.conftest import ROOT, free_port


@dataclass(frozen=True)
class Up:
    """A lab that serves, or has served."""

    process: asyncio.subprocess.Process
    address: str
    said: list[str]
    """Its lines: up to its start, and after it has ended all of them."""

    @property
    def exports(self) -> dict[str, str]:
        return dict(re.findall(r"^export (\w+)=(\S+)$", self.text, re.MULTILINE))

    @property
    def text(self) -> str:
        return "".join(self.said)

    async def stop(self, told: signal.Signals = signal.SIGTERM) -> None:
        """Tell it once, and wait for its end."""
        assert self.process.stdout is not None
        self.process.send_signal(told)
        self.said.extend([line.decode() async for line in self.process.stdout])
        await self.process.wait()


@asynccontextmanager
async def up(folder: Path, *arguments: str, until: str = "listening on") -> AsyncIterator[Up]:
    """The lab, with its temporary files in that folder, once it has said `until`."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lab", "up", "--port", str(port), *arguments),
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    running = Up(process, f"http://127.0.0.1:{port}", [])
    try:
        while not running.said or until not in running.said[-1]:
            line = (await process.stdout.readline()).decode()
            assert line, running.text
            running.said.append(line)
        yield running
    finally:
        if process.returncode is None:
            await running.stop()
