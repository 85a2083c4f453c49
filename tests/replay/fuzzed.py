"""A process of its own that reads and reruns edited files, and tells what came of each.

Run as `python -m tests.replay.fuzzed FILE…`. For each line of its input, `[family, sealed, first,
last]`, it prints one line of JSON.
"""

import asyncio
import collections
import json
import os
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any, get_args

from graph.errors import UnreadableValue
from graph.storage import STORAGE_ERRORS
from graph.untrusted import printable
from replay.file.document import UnreadableRecording, from_text
from replay.running.rerun import rerun
from replay.running.verdict import Kind
from tests.replay.mutations import body_of, mutated, seal

WATCHED = (
    "import",
    "compile",
    "exec",
    "pickle.",
    "marshal.",
    "ctypes.",
    "socket.",
    "subprocess.",
    "shutil.",
    "tempfile.",
    "urllib.",
    "os.",
    "pty.",
    "webbrowser.",
    "sqlite3.",
)
"""Beginnings of the names of audited events; `open` is told apart by what it opens for."""
READS = ("os.listdir", "os.scandir", "os.walk")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
WORDS_LIMIT = 500
"""Characters of a clear error."""
WRONG_LIMIT = 2000
CAME = ("refused", "cannot be run", *get_args(Kind))
"""What may come of a file; of one whose last line does not fit, the first alone."""


class Watch:
    """Notes what the process does beyond computing, while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.noticed: list[str] = []
        sys.addaudithook(self._heard)

    def _heard(self, event: str, told: tuple[Any, ...]) -> None:
        if not self.on or event in READS:
            return
        opened = event == "open" and isinstance(told[2], int) and told[2] & WRITES
        if opened or event.startswith(WATCHED):
            self.on = False
            self.noticed.append(f"{event} {str(told)[:200]}")
            self.on = True


async def outcome(text: str) -> str:
    """How reading and rerunning it ended; raises what must not come out."""
    try:
        recording = from_text(text)
    except UnreadableRecording as error:
        return _if_clear("refused", error)
    try:
        verdict, _ = await rerun(recording)
    except UnreadableValue as error:
        return _if_clear("cannot be run", error)
    return verdict.kind


def _if_clear(came: str, error: UnreadableValue) -> str:
    said = str(error)
    return (
        came if 0 < len(said) <= WORDS_LIMIT and said == printable(said) else f"not clear: {said}"
    )


async def batch(order: list[Any], texts: list[str], watch: Watch) -> dict[str, Any]:
    """What came of the edits with these seeds."""
    family, sealed, first, last = order
    found: collections.Counter[str] = collections.Counter()
    wrong: list[str] = []
    longest_s = 0.0
    for seed in range(first, last):
        text = mutated(family, seed, texts, sealed=sealed)
        begun_s = time.process_time()
        watch.on = True
        try:
            came = await outcome(text)
        except BaseException:  # noqa: BLE001 (whatever comes out is told)
            came = traceback.format_exc(limit=-6)
        watch.on = False
        if came in (CAME if sealed else CAME[:1]):
            found[came] += 1
        else:
            wrong.append(f"seed {seed}: {came[-WRONG_LIMIT:]}")
        if watch.noticed:
            wrong += [f"seed {seed}: {event}" for event in watch.noticed]
            watch.noticed.clear()
        longest_s = max(longest_s, time.process_time() - begun_s)
    return {"found": found, "wrong": wrong, "longest_s": longest_s, "memory_mb": peak_mb()}


def peak_mb() -> int:
    """The most memory it ever had. Not by getrusage, which begins with what its parent had."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) // 1024


async def warm(texts: list[str]) -> None:
    """Load what a rerun loads when it is first used, by what is no attack."""
    # The first error in `enrich` asks for it, by this name.
    assert STORAGE_ERRORS
    for text in texts:
        assert await outcome(text) == "same"
        body = body_of(text)
        for old, new in (
            ("Is cart-service well?", "Is it well?"),
            ('"analyst_model":', '"analyst_model ":'),
            ('"find_services"', '"no_such_tool"'),
            ('"success"', '"error"'),
            ('"turn_id":"', '"turn_id":"x'),
        ):
            await outcome(seal(body.replace(old, new)))


async def main(texts: list[str]) -> None:
    """Read orders until there are no more."""
    watch = Watch()
    await warm(texts)
    for line in sys.stdin:
        sys.stdout.write(f"{json.dumps(await batch(json.loads(line), texts, watch))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    warnings.simplefilter("error")
    asyncio.run(main([Path(file).read_text(encoding="utf-8") for file in sys.argv[1:]]))
