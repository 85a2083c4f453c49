"""A NetForge on a small disk, in a process that fills the disk when it is told to.

It tells its story a line at a time, as JSON, its log included; a line to it lets the story go on.
"""

import asyncio
import json
import logging
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from graph.runtime import open_runtime
from lab.estate import LabSettings

QUESTION = "checkout-service is slow since half an hour. What is wrong?"
BLOCK = b"x" * 4096


def say(word: str, *what: Any) -> None:
    print(json.dumps([word, *what]), flush=True)  # noqa: T201 (the parent reads it)


async def told() -> None:
    await asyncio.to_thread(sys.stdin.readline)


class Said(logging.Handler):
    """The log, as part of the story."""

    def emit(self, record: logging.LogRecord) -> None:
        say("log", record.getMessage())


@contextmanager
def full(folder: Path) -> Iterator[str]:
    """Within the block nothing fits on the disk of that folder; answers how that was done."""
    if not folder.is_mount():
        # Where nobody may mount: no file takes a byte from this process.
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        yield "no file takes a byte"
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        return
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(BLOCK) == len(BLOCK):
            pass
    yield f"{os.statvfs(folder).f_bavail} blocks are free"
    ballast.unlink()


async def story(settings: LabSettings) -> None:
    async with open_runtime(settings) as runtime:
        run = (await runtime.investigate(QUESTION, thread_id="t"))["turn"]["id"]
        say("answered", run)
        await told()
        with full(settings.state_dir) as how:
            messages = (await runtime.state("t"))["messages"]
            say("full", how, [message.id for message in messages])
            await told()
        ended = await runtime.enrichment(run)
        messages = (await runtime.state("t"))["messages"]
        items = await runtime.memory.items()
        turns = [(item["occurrences"], item["turns"]) for item in items]
        say("ended", ended, turns, [message.id for message in messages])


if __name__ == "__main__":
    logging.basicConfig(handlers=[Said()])
    asyncio.run(story(LabSettings(**json.loads(sys.argv[1]))))
