"""The command line of memory, where insights are copied to a graph database."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from graph.settings import Settings
from lab.bolt import WRITER, BoltServer
from lab.estate import LabSettings, environment
from tests.conftest import SCRATCH, MakeSettings
from tests.graph.memory.copies import ESTATE, Copy, copying
from tests.graph.memory.found import insight, learn, pattern, turn

ROOT = Path(__file__).parents[3]
TITLE = "Client pool too small"
Run = Callable[..., Awaitable[tuple[int | None, str, str]]]


@pytest.fixture
async def copy(server: BoltServer) -> Copy:
    found = Copy(server, SCRATCH)
    await found.hold(*ESTATE)
    return found


@pytest.fixture
def settings(lab_settings: MakeSettings, server: BoltServer) -> LabSettings:
    return lab_settings(
        neo4j_database=SCRATCH,
        memory_neo4j_user=WRITER,
        memory_neo4j_password=server.writer_password,
    )


@pytest.fixture
async def key(settings: Settings) -> str:
    """The insight of a memory that was filled before there was a copy."""
    async with copying(settings, memory_neo4j_user=None) as (memory, _):
        await learn(memory, insight(), turn("t1"))
        await learn(memory, pattern(), turn("t2", minute=1))
        [key] = [item["id"] for item in await memory.items() if item["kind"] == "insights"]
    return str(key)


@pytest.fixture
def run(settings: LabSettings, tmp_path: Path) -> Run:
    """Runs `python -m graph.memory`; the models' key is not among what it is told."""

    async def run_(*arguments: str, **changed: str) -> tuple[int | None, str, str]:
        told = {**environment(settings), **changed}
        del told["MINIMAX_API_KEY"]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "graph.memory", *arguments),
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **told},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            output, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode, output.decode(), errors.decode()

    return run_


async def test_what_memory_held_before_is_copied_by_a_command(
    copy: Copy, settings: Settings, key: str, run: Run
) -> None:
    assert await copy.insights() == []
    for _ in range(2):
        said = f"1 insights were copied to {settings.neo4j_uri}\n"
        assert await run("copy") == (0, said, "")
    assert [node["id"] for node in await copy.insights()] == [key]
    assert await copy.edges() == [(TITLE, "pricing-service")]


async def test_a_mark_is_copied(copy: Copy, key: str, run: Run) -> None:
    code, output, errors = await run("retire", key, "--by", "ada")
    assert (code, output, errors) == (0, f"{key} is retired now, by ada\n", "")
    assert [node["status"] for node in await copy.insights()] == ["retired"]


async def test_where_the_copy_fails_the_mark_stands_and_it_is_said(
    copy: Copy, key: str, run: Run
) -> None:
    wrong = {"MEMORY_NEO4J_PASSWORD": "do-not-show-me"}
    code, output, errors = await run("retire", key, "--by", "ada", **wrong)
    assert (code, output) == (0, f"{key} is retired now, by ada\n")
    assert "1 insights were not copied to bolt://" in errors
    code, output, errors = await run("copy", **wrong)
    assert (code, output, len(errors.splitlines())) == (2, "", 1)
    assert errors.startswith("1 insights were not copied to bolt://")
    assert "do-not-show-me" not in errors
    assert await copy.insights() == []
    assert "retired" in (await run("show", key))[1]


async def test_without_a_writer_there_is_nothing_to_copy_to(copy: Copy, key: str, run: Run) -> None:
    without = {"MEMORY_NEO4J_USER": "", "MEMORY_NEO4J_PASSWORD": ""}
    assert await run("copy", **without) == (
        2,
        "",
        "nothing was copied, MEMORY_NEO4J_USER is not set: see docs/operating.md\n",
    )
    assert (await run("retire", key, **without))[0] == 0
    assert await copy.insights() == []
