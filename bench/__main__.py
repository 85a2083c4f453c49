"""Measures, prints each figure with its bar, and exits with 1 when one is missed.

Everything runs on loopback against the lab's doubles and takes about ten minutes.
"""

import asyncio
import sys

from bench import answer_time, burst, side_by_side, thread_growth


async def _measure() -> bool:
    held = True
    for measure in (
        side_by_side.measure,
        thread_growth.measure,
        answer_time.on_sqlite,
        answer_time.on_postgres,
        burst.measure,
    ):
        figure = await measure()
        held &= figure.holds
        verdict = "holds" if figure.holds else "MISSED"
        print(f"{figure.name}: {figure.ratio:.3f} (bar {figure.bar:g}, {verdict})")
        print(f"    {figure.detail}", flush=True)
    return held


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(_measure()) else 1)
