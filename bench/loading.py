"""How long `python -m replay --help` and `python -m replay rerun FILE` take from a shell.

Each runs in a new process, again and again. The figure is the processor's time of the quickest
one, so that what else the machine does is not in it; the time on the clock is printed beside it.
The file is one that is kept for the tests.
"""

import asyncio
import resource
import sys
import time
from pathlib import Path

from bench.figure import Figure

ROOT = Path(__file__).parents[1]
FILE = ROOT / "tests" / "replay" / "tapes" / "bad-deploy.tape.jsonl"
RUNS = 5
HELP_BAR_S = 1.0
RERUN_BAR_S = 2.0


async def show_help() -> Figure:
    """Seconds of `--help`."""
    return await _measured("--help", HELP_BAR_S, "--help")


async def rerun_file() -> Figure:
    """Seconds of a rerun of an exported file."""
    return await _measured("rerun FILE", RERUN_BAR_S, "rerun", str(FILE))


async def _measured(what: str, bar_s: float, *arguments: str) -> Figure:
    worked_s, took_s = [], []
    for _ in range(RUNS):
        began_s, started = _worked_s(), time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "replay", *arguments),
            cwd=ROOT,
            stdout=asyncio.subprocess.DEVNULL,
        )
        code = await process.wait()
        assert code == 0, f"it ended with {code}"
        worked_s.append(_worked_s() - began_s)
        took_s.append(time.perf_counter() - started)
    detail = f"{min(took_s):.2f} s on the clock; the quickest of {RUNS} processes"
    return Figure(f"seconds of `python -m replay {what}`", min(worked_s), bar_s, detail)


def _worked_s() -> float:
    """Of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
