"""Ten thousand files edited by hand: each is refused, or its rerun ends in a verdict.

Nothing is imported, run, opened for writing or connected to meanwhile: a process of its own says
what it did, see `tests.replay.fuzzed`.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.replay.mutations import FAMILIES
from tests.replay.small import Small

ROOT = Path(__file__).parents[2]
BATCH = 450
BATCHES = 4
"""Of each family, and as many again with a last line that fits: 10,800 files."""
LONGEST_S = 5.0
"""Of the processor's time for one file; it takes a hundredth of a second."""
MEMORY_MB = 600
LIMIT_S = 110


@dataclass(frozen=True)
class Fuzzed:
    """The process that reads and reruns the files."""

    process: asyncio.subprocess.Process

    async def batch(self, family: str, sealed: bool, part: int) -> dict[str, Any]:
        """What came of the files with these seeds."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        order = [family, sealed, part * BATCH, (part + 1) * BATCH]
        self.process.stdin.write(f"{json.dumps(order)}\n".encode())
        async with asyncio.timeout(LIMIT_S):
            line = await self.process.stdout.readline()
        assert line, "the process has ended"
        return dict(json.loads(line))


@pytest.fixture(scope="module")
async def fuzzed(small: Small, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fuzzed]:
    folder = tmp_path_factory.mktemp("fuzzed")
    files = [folder / f"{number}.tape.jsonl" for number in range(len(small.all))]
    for file, text in zip(files, small.all, strict=True):
        file.write_text(text, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.replay.fuzzed", *map(str, files)),
        cwd=ROOT,
        env={},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Fuzzed(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("part", range(BATCHES))
@pytest.mark.parametrize("sealed", [False, True], ids=["", "sealed again"])
@pytest.mark.parametrize("family", FAMILIES)
async def test_files_with_edited(family: str, sealed: bool, part: int, fuzzed: Fuzzed) -> None:
    came = await fuzzed.batch(family, sealed, part)
    assert came["wrong"] == [], f"{family}, sealed: {sealed}: " + "\n".join(came["wrong"])
    found = came["found"]
    assert sum(found.values()) == BATCH
    if sealed:
        # It reached the code, and the code went other ways too.
        assert found["refused"] < BATCH * 0.95
        assert found["same"] < BATCH * 0.5
        assert sum(found.get(kind, 0) for kind in ("state differs", "diverged")) > BATCH * 0.02
    else:
        assert found == {"refused": BATCH}
    assert came["longest_s"] < LONGEST_S
    assert came["memory_mb"] < MEMORY_MB
