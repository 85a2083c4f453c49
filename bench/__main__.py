"""Measures, prints each figure with its bar, and exits with 1 when one is missed.

Everything runs on loopback against the lab's doubles and takes about three minutes.
"""

import asyncio
import sys

from bench import answer_time, side_by_side, thread_growth


async def _measure() -> bool:
    held = True
    for measurement in (side_by_side, thread_growth, answer_time):
        figure = await measurement.measure()
        held &= figure.holds
        verdict = "holds" if figure.holds else "MISSED"
        print(f"{figure.name}: {figure.ratio:.3f} (bar {figure.bar:g}, {verdict})")
        print(f"    {figure.detail}", flush=True)
    return held


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(_measure()) else 1)
