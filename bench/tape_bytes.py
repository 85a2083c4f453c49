"""What recording a turn adds to the database, against naive JSON of the same exchanges.

Ours: the bytes in all columns of all rows of the checkpoints, of the turn's thread and of its
enrichment's, less those of the same turns without a tape. So the keys of the rows, the versions
of the channel and its copies count too. What the tape refers to does not: the messages are in the
state in either case. Pages and indexes are left out of the ratio; the growth of the file, with
them, is printed beside it.

Naive: one line of JSON an exchange, as a plain recorder writes it. Of a call to a model that is
the body that went over the wire, all messages and all tools in full, and the answer in full. Of a
tool's it is the arguments and the whole result, as the model reads it and as data. The others are
as they are on our tape.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import aiosqlite

from bench.figure import Figure
from bench.unrecorded import unrecorded
from graph.codec import encode_message
from graph.receipts import enrichment_thread
from graph.runtime import Runtime, open_runtime
from graph.state import Exchange, Investigation
from lab.estate import Estate, open_estate
from lab.incident import load, shipped

TURNS = 3
BAR = 0.1
_ROWS = """
    SELECT (SELECT sum(length(thread_id) + length(checkpoint_ns) + length(checkpoint_id)
                       + coalesce(length(parent_checkpoint_id), 0) + length(type)
                       + length(checkpoint) + length(metadata)) FROM checkpoints)
         + (SELECT sum(length(thread_id) + length(checkpoint_ns) + length(checkpoint_id)
                       + length(task_id) + length(task_path) + 1 + length(channel) + length(type)
                       + length(value)) FROM writes)
"""
_VALUES = "SELECT coalesce(sum(length(value)), 0) FROM writes WHERE channel = 'exchanges'"
_FILE = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"


@dataclass(frozen=True)
class Sizes:
    """Bytes a turn."""

    rows: float
    values: float
    """Of the rows, those that the tape alone is in."""
    file: float
    naive: float

    @property
    def ratio(self) -> float:
        """Ours to naive."""
        return self.rows / self.naive


async def measure(turns: int = TURNS) -> Figure:
    """The worst ratio of all incidents, each investigated that many times."""
    with tempfile.TemporaryDirectory(prefix="netforge-bench-") as folder:
        sizes = {name: await _of_incident(name, Path(folder) / name, turns) for name in shipped()}
    worst = max(sizes, key=lambda name: sizes[name].ratio)
    mean = sum(size.ratio for size in sizes.values()) / len(sizes)
    rows, values, file, naive = (count / 1024 for count in astuple(sizes[worst]))
    detail = (
        f"{worst}: {rows:.1f} KiB a turn ({values:.1f} of them exchanges; the file grows by "
        f"{file:.1f}), {naive:.1f} KiB naive; mean of {len(sizes)} incidents {mean:.3f}; "
        f"{turns} turns each"
    )
    return Figure("bytes of a recorded turn / naive JSON", sizes[worst].ratio, BAR, detail)


async def _of_incident(name: str, folder: Path, turns: int) -> Sizes:
    """The bytes that recording adds to a turn of that incident."""
    question = load(name).question
    async with open_estate(load(name), folder) as estate:
        without = await _sizes(estate, folder / "off", unrecorded(), question, turns)
        recorded = await _sizes(estate, folder / "on", nullcontext(), question, turns)
    return replace(recorded, rows=recorded.rows - without.rows, file=recorded.file - without.file)


async def _sizes(
    estate: Estate,
    state_dir: Path,
    how: AbstractContextManager[None],
    question: str,
    turns: int,
) -> Sizes:
    # With memory a later turn would be another one, and shorter.
    chosen = estate.settings.model_copy(update={"state_dir": state_dir, "memory": False})
    naive = 0
    with how:
        async with open_runtime(chosen) as runtime:
            begun = await _counted(state_dir, _FILE)
            for _ in range(turns):
                naive += await _investigated(runtime, estate, question)
            ended = await _counted(state_dir, _FILE)
            rows, values = [await _counted(state_dir, query) for query in (_ROWS, _VALUES)]
    return Sizes(rows / turns, values / turns, (ended - begun) / turns, naive / turns)


async def _investigated(runtime: Runtime, estate: Estate, question: str) -> int:
    """One turn with its enrichment; the bytes of its exchanges as naive JSON."""
    estate.provider.requests.clear()
    state = await runtime.investigate(question)
    assert state["report"], state["messages"][-1].text
    turn_id = state["turn"]["id"]
    receipt = await runtime.enrichment(turn_id)
    assert receipt is not None
    assert receipt["status"] in ("stored", "empty"), receipt["reason"]
    branch = await runtime.state(enrichment_thread(turn_id))
    bodies = iter([seen.body for seen in estate.provider.requests])
    lines = [line for thread in (state, branch) for line in _naive(thread, bodies)]
    return sum(len(line.encode()) + 1 for line in lines)


def _naive(state: Investigation, bodies: Iterator[dict[str, Any]]) -> Iterator[str]:
    """The exchanges of a thread; `bodies` are what the models were asked, in order."""
    messages = {message.id: message for message in state["messages"]}

    def in_full(entry: Exchange) -> dict[str, Any]:
        response = entry["response"]
        if entry["kind"] == "model":
            answer = response.get("in_full") or encode_message(messages[response["message"]])
            return {"request": next(bodies), "response": answer}
        if entry["kind"] == "tool":
            message: Any = messages[response["artifact"]]
            return {"response": {"content": message.content, "artifact": message.artifact}}
        return {}

    for entry in state.get("exchanges", []):
        known = {name: value for name, value in entry.items() if name not in ("digest", "texts")}
        yield json.dumps({**known, **in_full(entry)})


async def _counted(state_dir: Path, query: str) -> int:
    async with (
        aiosqlite.connect(state_dir / "checkpoints.sqlite") as connection,
        connection.execute(query) as cursor,
    ):
        [[count]] = await cursor.fetchall()
        return int(count)
