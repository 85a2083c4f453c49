"""How long a recall takes as memory grows, on SQLite.

The items are spread as incidents are: one component of 400 is named by more than half of all
items, a few by very many, most by some hundreds. At each size the same questions are asked in
turn: about the component with most items, about one with few, about one with twenty near it that
all have many, and one that names nothing. The figure is that of the slowest question. What the
topology takes to say who is near is not in it.
"""

import math
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from statistics import median, quantiles

from bench.figure import Figure
from graph.memory import Item, Memory
from graph.memory.item import whole
from graph.memory.shelf import Place
from graph.settings import StateSettings
from graph.storage import open_storage

SIZES = (1_000, 10_000, 100_000)
BAR_MS = 50.0
ROUNDS = 100
SERVICES = 400
HOT_PART = 0.6
"""Of all items, those that name the component with most of them."""
NEAR = 20
BATCH = 1_000
DAYS = 120
SEED = 7
WARM_UP = 3
HOT = "service-0"
COLD = f"service-{SERVICES - 1}"
MIDDLE = "service-1"
QUESTIONS = {
    "hot": f"{HOT} is slow since an hour, its calls wait for connections. What is wrong?",
    "cold": f"{COLD} fails since the deployment: its certificate expired? What is wrong?",
    "20 near": f"{MIDDLE} is slow: calls to its database time out. What is wrong?",
    "nothing": "What is wrong with everything since an hour? Calls wait for connections.",
}
_SYMPTOMS = (
    "calls wait for one of {n} connections of the pool",
    "the queue grew to {n} messages behind one consumer",
    "p99 latency rose to {n} ms after the deployment",
    "the heap filled up to {n} MB and the task was killed",
    "the certificate of host {n} expired",
    "retries of callers multiplied the load by {n}",
    "the volume reached {n} GB and writes failed",
)


async def measure(sizes: Sequence[int] = SIZES) -> Figure:
    """The 95th percentile of the slowest question at the largest size, in milliseconds."""
    chance = random.Random(SEED)
    told, p95_ms = [], 0.0
    with tempfile.TemporaryDirectory(prefix="netforge-bench-") as folder:
        async with open_storage(StateSettings(state_dir=Path(folder))) as storage:
            memory = Memory(storage.store, storage.locks, neighbours=_near)
            items, filled, fill_s = _items(chance), 0, 0.0
            for size in sizes:
                fill_s += await _fill(memory, items, size - filled)
                filled = size
                times_ms = await _asked(memory)
                p95_ms = max(map(_p95, times_ms.values()))
                each = ", ".join(
                    f"{name} {median(times):.1f} / {_p95(times):.1f}"
                    for name, times in times_ms.items()
                )
                told.append(
                    f"{size} items: {each} ms (median / p95); "
                    f"filled in {fill_s:.0f} s, {_bytes(Path(folder)) / 2**20:.1f} MiB"
                )
    return Figure(
        f"milliseconds of a recall from {sizes[-1]} items, p95", p95_ms, BAR_MS, "\n    ".join(told)
    )


async def _fill(memory: Memory, items: Iterator[tuple[Place, Item]], count: int) -> float:
    """Write so many more of the items; the seconds that took."""
    started = time.perf_counter()
    while count > 0:
        batch = dict(next(items) for _ in range(min(BATCH, count)))
        count -= await memory.put_back(batch)
    return time.perf_counter() - started


async def _asked(memory: Memory) -> dict[str, list[float]]:
    """The milliseconds of each recall, by the name of its question."""
    times_ms: dict[str, list[float]] = {name: [] for name in QUESTIONS}
    for number in range(WARM_UP + ROUNDS):
        for name, question in QUESTIONS.items():
            started = time.perf_counter()
            found = await memory.look(question)
            took_ms = 1000 * (time.perf_counter() - started)
            # What little there is of the cold one may have faded.
            assert name == "cold" or bool(found) == (name != "nothing"), f"{name}: {len(found)}"
            if number >= WARM_UP:
                times_ms[name].append(took_ms)
    return times_ms


async def _near(words: Sequence[str], hops: int) -> Mapping[str, int]:
    """A topology in which one component has the others with most items near it."""
    if MIDDLE not in words:
        return {}
    return {f"service-{number}": min(hops, 1 + number % 2) for number in range(NEAR + 1)}


def _items(chance: random.Random) -> Iterator[tuple[Place, Item]]:
    """Items without end; each names one or two components, few of them often."""
    names = [f"service-{number}" for number in range(SERVICES)]
    weights = list(accumulate(1 / math.sqrt(number) for number in range(1, SERVICES + 1)))
    now = datetime.now(UTC)
    number = 0
    while True:
        first = HOT if chance.random() < HOT_PART else None
        drawn = chance.choices(names, cum_weights=weights, k=2)
        components = list(dict.fromkeys([first, drawn[0]] if first else drawn))
        at = f"{now - timedelta(days=DAYS * chance.random()):%Y-%m-%dT%H:%M:%S.000Z}"
        symptom = chance.choice(_SYMPTOMS).format(n=chance.randrange(2, 5000))
        kept = {
            "category": "performance",
            "severity": "high",
            "title": f"{components[0]}: incident {number}",
            "finding": f"At {components[0]} {symptom}.",
            "components": components,
            "evidence": ["E1", "E2"],
            "recommendation": f"Roll back v2.{number % 90}.0 of {components[0]}",
            "provenance": {
                "turn_id": f"turn-{number}",
                "thread_id": f"thread-{number}",
                "model": "minimax/MiniMax-M2.5",
                "prompt_version": "bench",
                "at": at,
            },
            "first_confirmed": at,
            "last_confirmed": at,
            "turns": [f"turn-{number}"],
            "confidence": round(0.5 + chance.random() / 2, 4),
        }
        yield ("insights", f"{number:032x}"), whole(kept)
        number += 1


def _p95(times_ms: Sequence[float]) -> float:
    return quantiles(times_ms, n=20)[-1]


def _bytes(folder: Path) -> int:
    """Of the memory's file, with what is not yet moved into it."""
    return sum(path.stat().st_size for path in folder.glob("memory.sqlite*"))
