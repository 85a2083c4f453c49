"""A disk that fills up while the analyst thinks: it is said, and what it found is kept once."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lab.estate import LabSettings
from lab.faults import Hang
from lab.minimax import MiniMaxDouble
from tests.conftest import MakeSettings

ROOT = Path(__file__).parents[3]
ANALYST = "MiniMax-M2.5"
DISK = "size=16m"
# Mounted where nobody else sees it, so that nothing is left behind however the test ends.
ON_A_SMALL_DISK = """
mkdir "$1"
if unshare -rm mount -t tmpfs -o "$2" tmpfs "$1"; then
    exec unshare -rm sh -ec 'mount -t tmpfs -o "$2" tmpfs "$1"; shift 2; exec "$@"' sh "$@"
fi
shift 2
exec "$@"
"""


class Storyteller:
    """The parent's end of `small_disk`."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.log: list[str] = []

    async def says(self, word: str, part: str = "") -> list[Any]:
        """What it says next with that word and, in the log, with that part."""
        assert self._process.stdout
        async for line in self._process.stdout:
            if not line.startswith(b'["'):
                continue
            told: list[Any] = json.loads(line)
            said, what = told[0], told[1:]
            if said == "log":
                self.log.append(what[0])
            if said == word and part in str(what[0]):
                return what
        raise AssertionError(f"it ended and did not say {word} {part}: {self.log}")

    def go_on(self) -> None:
        assert self._process.stdin
        self._process.stdin.write(b"\n")


@asynccontextmanager
async def storyteller(settings: LabSettings) -> AsyncIterator[Storyteller]:
    shown = settings.model_dump(mode="json")
    shown["minimax_api_key"] = settings.minimax_api_key.get_secret_value()
    shown["neo4j_password"] = settings.neo4j_password.get_secret_value()
    command = (sys.executable, "-m", "tests.graph.detached.small_disk", json.dumps(shown))
    process = await asyncio.create_subprocess_exec(
        *("sh", "-ec", ON_A_SMALL_DISK, "sh", str(settings.state_dir), DISK, *command),
        stdin=PIPE,
        stdout=PIPE,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        limit=2**20,
    )
    try:
        yield Storyteller(process)
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_what_the_analyst_found_on_a_full_disk_is_kept_once_when_there_is_room(
    lab_settings: MakeSettings, provider: MiniMaxDouble
) -> None:
    # The analyst's call goes on until the disk is full: its first requests hang and are repeated.
    provider.always(ANALYST, Hang())
    settings = lab_settings(model_timeout_s=2, model_attempts=10)
    async with asyncio.timeout(60), storyteller(settings) as story:
        [run] = await story.says("answered")
        await provider.wait_for(ANALYST, 1)
        story.go_on()
        how, told = await story.says("full")
        provider.always(ANALYST, None)
        await story.says("log", f"enrichment of turn {run}: ")
        story.go_on()
        ended, items, still_told = await story.says("ended")
    print(f"{how}; {story.log}")  # noqa: T201 (how the disk was filled; pytest -rP shows it)
    assert story.log[-1].endswith(" again in 1 s")
    assert told[-1] == f"{run}:answer"
    assert still_told == told
    assert (ended["status"], ended["attempts"]) == ("stored", 2)
    assert items == [[1, [run]]] * 2
