"""Measures, prints each figure with its bar, and exits with 1 when one is missed.

Everything runs on loopback against the lab's doubles and takes about half an hour;
`python -m bench NAME...` measures these alone.
"""

import asyncio
import sys
from collections.abc import Sequence

from bench import (
    answer_time,
    burst,
    clients,
    loading,
    recall,
    recording_cost,
    reruns,
    side_by_side,
    tape_bytes,
    thread_growth,
)

MEASURES = {
    "side_by_side": side_by_side.measure,
    "thread_growth": thread_growth.measure,
    "answer_time_sqlite": answer_time.on_sqlite,
    "answer_time_postgres": answer_time.on_postgres,
    "burst": burst.measure,
    "clients": clients.measure,
    "recording_cost": recording_cost.short_turns,
    "recording_cost_investigation": recording_cost.investigations,
    "tape_bytes": tape_bytes.measure,
    "recall": recall.measure,
    "reruns": reruns.measure,
    "loading_help": loading.show_help,
    "loading_rerun": loading.rerun_file,
}


async def _measure(names: Sequence[str]) -> bool:
    held = True
    for name in names:
        figure = await MEASURES[name]()
        held &= figure.holds
        verdict = "holds" if figure.holds else "MISSED"
        print(f"{figure.name}: {figure.value:.3f} ({figure.must_be} {figure.bar:g}, {verdict})")
        print(f"    {figure.detail}", flush=True)
    return held


if __name__ == "__main__":
    chosen = sys.argv[1:] or list(MEASURES)
    if unknown := [name for name in chosen if name not in MEASURES]:
        print(f"error: no measure {unknown[0]!r}: {', '.join(MEASURES)}", file=sys.stderr)
        sys.exit(2)
    sys.exit(0 if asyncio.run(_measure(chosen)) else 1)
