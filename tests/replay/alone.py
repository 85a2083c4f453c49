"""Reruns of exported files where nothing else is: no network, no environment, no time.

The code is copied to a folder of its own; a file is put beside it, run and taken away again.
"""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replay.export import exported
from replay.file.document import from_text, to_text
from replay.recording import Recording
from replay.running.rerun import rerun
from tests.own_network import addressed, namespace, watched

ROOT = Path(__file__).parents[2]
TIMES = 100
LIMIT_S = 100
CODE = ("graph", "replay")
FILE = "run.tape.jsonl"
OFTEN = (Path(__file__).parent / "hundred.py").read_text()
"""A process that reruns the file so often for each line that it is told."""


@dataclass(frozen=True)
class Alone:
    """The folder with the code, and a process that waits in it for files."""

    folder: Path
    apart: list[str]
    """The command that takes the network away."""
    waiting: asyncio.subprocess.Process

    async def command(self, *arguments: str) -> tuple[int, str, str]:
        """Run `python -m replay` with these arguments there: exit code, output, errors."""
        process = await asyncio.create_subprocess_exec(
            *(*self.apart, sys.executable, "-m", "replay", *arguments),
            cwd=self.folder,
            env={},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(LIMIT_S):
            said, errors = await process.communicate()
        return process.returncode or 0, said.decode(), errors.decode()

    async def rerun(self, text: str) -> tuple[int, str, str]:
        """`rerun` of that file's text by the command line."""
        file = self.folder / FILE
        file.write_text(text, encoding="utf-8")
        try:
            return await self.command("rerun", FILE)
        finally:
            file.unlink()

    async def hundred(self, text: str) -> dict[str, Any]:
        """A hundred reruns of it in one process, by a clock that stands still.

        Tells how many of the first were `same` with equal states at the end, the last verdict,
        and what was reached for: sockets, names, processes, sleep.
        """
        file = self.folder / FILE
        file.write_text(text, encoding="utf-8")
        assert self.waiting.stdin is not None
        assert self.waiting.stdout is not None
        try:
            self.waiting.stdin.write(b"\n")
            async with asyncio.timeout(LIMIT_S):
                line = await self.waiting.stdout.readline()
        except TimeoutError:
            self.waiting.kill()
            raise
        finally:
            file.unlink()
        assert line, "the process has ended"
        return dict(json.loads(line))

    async def shows_the_same(self, recording: Recording) -> str:
        """Assert that it is rerun to the same, here and exported there; the exported text."""
        verdict, _ = await rerun(recording)
        assert (verdict.kind, verdict.lines) == ("same", ())
        text = await exported(recording)
        assert to_text(from_text(text)) == text
        code, said, errors = await self.rerun(text)
        assert (code, errors) == (0, ""), said + errors
        count = verdict.exchanges
        first, *since = said.splitlines()
        wanted = f"same: run {recording.run_id}, {count} exchanges answered from the recording"
        assert first == wanted, said
        # The environment names no model, so that another than the default is told.
        assert all(line.startswith("since it was recorded: model ") for line in since), said
        told = await self.hundred(text)
        shown = {"same": TIMES, "told": ["same", None, ""], "noticed": [], "exchanges": count}
        assert told == shown, told
        assert {path.name for path in self.folder.iterdir()} == set(CODE)
        return text


@asynccontextmanager
async def open_alone(folder: Path) -> AsyncIterator[Alone]:
    """The folder with a copy of the code, and the process in it."""
    place, trace = folder / "code", folder / "trace"
    for name in CODE:
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    trial = [sys.executable, "-c", "pass"]
    apart = await asyncio.to_thread(namespace, trial) or watched(trace)
    process = await asyncio.create_subprocess_exec(
        *(*apart, sys.executable, "-c", OFTEN, FILE, str(TIMES)),
        cwd=place,
        env={},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Alone(place, apart, process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    assert addressed(trace) == []
