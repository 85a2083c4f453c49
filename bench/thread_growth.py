"""What a thread of many short turns costs on disk, against one a tenth as long.

Linear growth is a ratio of 10, and what grows with the square is near 100. Nothing is ever
deleted from the checkpoints, so the size of the file is what was written.
"""

import tempfile
from pathlib import Path
from typing import Any

import aiosqlite

from bench.figure import Figure
from graph.runtime import open_runtime
from lab import minimax
from lab.estate import KEY, LabSettings

BAR = 12.0


async def measure(short: int = 50, long: int = 500) -> Figure:
    """The ratio of the sizes after that many turns."""
    sizes = {}
    with tempfile.TemporaryDirectory(prefix="netforge-bench-") as folder:
        async with minimax.serve(_answer) as provider:
            chosen: dict[str, Any] = {
                "minimax_api_key": KEY,
                "minimax_api_base": provider.url,
                "state_dir": Path(folder),
                "enrichment": False,
            }
            async with open_runtime(LabSettings(**chosen)) as runtime:
                for number in range(1, long + 1):
                    question = f"Question {number}: who owns cart-service?"
                    await runtime.investigate(question, thread_id="bench")
                    if number in (short, long):
                        sizes[number] = await _bytes(Path(folder) / "checkpoints.sqlite")
    detail = f"{sizes[short] / 2**20:.2f} MiB after {short}, {sizes[long] / 2**20:.2f} after {long}"
    name = f"bytes after {long} short turns / after {short}"
    return Figure(name, sizes[long] / sizes[short], BAR, detail)


def _answer(_request: dict[str, Any]) -> dict[str, Any]:
    return {"content": "The team checkout owns cart-service."}


async def _bytes(path: Path) -> int:
    async with (
        aiosqlite.connect(path) as connection,
        connection.execute(
            "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        ) as cursor,
    ):
        [[size]] = await cursor.fetchall()
        return int(size)
