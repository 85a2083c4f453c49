"""Servers and settings that the tests share: the lab's doubles, at the wire."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from graph.runtime import Runtime, open_runtime
from lab import bolt, estate, minimax, standin
from lab.incident import load, shipped

SCRATCH = "scratch"
"""A database that a test may fill as it likes."""

MakeSettings = Callable[..., estate.LabSettings]
OpenRuntime = Callable[..., AbstractAsyncContextManager[Runtime]]


@pytest.fixture(scope="session")
async def server() -> AsyncIterator[bolt.BoltServer]:
    """One graph database server, with a database per shipped incident."""
    names = [name.replace("-", "_") for name in shipped()]
    async with bolt.serve([*names, SCRATCH]) as running:
        for name in shipped():
            await running.load(load(name).topology, name.replace("-", "_"))
        yield running


@pytest.fixture
async def provider() -> AsyncIterator[minimax.MiniMaxDouble]:
    """The MiniMax double with the stand-in behind it and no faults."""
    async with minimax.serve(standin.answer) as double:
        yield double


@pytest.fixture
def lab_settings(
    server: bolt.BoltServer, provider: minimax.MiniMaxDouble, tmp_path: Path
) -> MakeSettings:
    """Settings that reach the doubles; the database is the default incident's."""

    def make(**overrides: Any) -> estate.LabSettings:
        chosen = {"neo4j_database": "bad_deploy", "model_retry_wait_s": 0.2, **overrides}
        return estate.settings(server, provider, tmp_path / "state", **chosen)

    return make


@pytest.fixture
def open_lab(lab_settings: MakeSettings) -> OpenRuntime:
    """The real composition root on these settings; keyword arguments override them."""

    def open_(**overrides: Any) -> AbstractAsyncContextManager[Runtime]:
        return open_runtime(lab_settings(**overrides))

    return open_


@pytest.fixture
async def runtime(open_lab: OpenRuntime) -> AsyncIterator[Runtime]:
    """A started NetForge on the lab."""
    async with open_lab() as started:
        yield started
