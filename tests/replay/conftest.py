"""What the tests of this folder share: recordings of runs, and a place with nothing around."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig

from graph.codec import encode_state
from graph.receipts import enrichment_thread
from graph.run import Asked
from graph.runtime import Runtime
from lab.bolt import BoltServer
from replay.reading import read
from replay.recording import Recording
from tests.replay.alone import Alone, open_alone
from tests.replay.small import Small, small_runs


async def recorded(runtime: Runtime, run_id: str) -> Recording:
    """What is kept of that run, once its enrichment has ended.

    It ends as its threads do; the turn's may have gone on with a later turn.
    """
    await runtime.enrichment(run_id)
    run = await runtime.runs.get(run_id)
    assert run is not None
    recording = await read(runtime.graph, run)
    kept = {"turn": run["thread_id"], "enrichment": enrichment_thread(run_id)}
    for of, thread_id in kept.items():
        values = await channels(runtime, thread_id)
        parts = [part for part in recording.segments if part.of == of]
        if not parts or (of == "turn" and values.get("turn", {}).get("id") != run_id):
            continue
        end = list(parts[-1].states())[-1]
        # Where nothing was run, the tape that the thread holds is an earlier turn's.
        assert set(values) - set(end) <= {"exchanges"}
        assert {name: values[name] for name in end} == end
    return recording


async def channels(runtime: Runtime, thread_id: str) -> dict[str, Any]:
    """The latest state of that thread, as JSON."""
    thread: RunnableConfig = {"configurable": {"thread_id": thread_id}}
    return encode_state((await runtime.graph.aget_state(thread)).values)


async def ended(runtime: Runtime, asked: Asked) -> str:
    """Ask that and wait for the end of the run; its id."""
    run, _ = await runtime.submit(asked)
    async for _ in runtime.turns.follow(run["run_id"]):
        pass
    return run["run_id"]


@pytest.fixture(scope="session")
async def alone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Alone]:
    """Where there is the code and nothing else; one for all tests of this process."""
    async with open_alone(tmp_path_factory.mktemp("alone")) as opened:
        yield opened


@pytest.fixture(scope="session")
async def small(server: BoltServer, tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The files of small runs."""
    return await small_runs(server, tmp_path_factory.mktemp("small"))
