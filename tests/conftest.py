"""Servers and settings that the tests share: the lab's doubles, at the wire."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from dbos import DBOS

from graph.runtime import Runtime, open_runtime
from graph.storage import open_storage
from lab import aws, bolt, datadog, estate, minimax, postgres, standin
from lab.aws import AwsDouble
from lab.datadog import DatadogDouble
from lab.incident import Incident, load, shipped
from lab.story import Story

pytest_plugins = ["replay.pytest_plugin"]
"""Every exported run in this folder is a test."""

SCRATCH = "scratch"
"""A database that a test may fill as it likes."""

DATABASES = ("sqlite", "postgres")
"""What the fixture `database` can be."""

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


@pytest.fixture(scope="session")
async def postgres_server() -> AsyncIterator[postgres.PostgresServer]:
    """One PostgreSQL server, started when the first test asks for it."""
    async with postgres.serve() as running:
        yield running


@pytest.fixture(scope="session")
async def postgres_template(postgres_server: postgres.PostgresServer) -> str:
    """A database with every table and nothing in them: a copy is quicker than making them."""
    url = await postgres_server.database("ready")
    chosen: dict[str, Any] = {"minimax_api_key": estate.KEY, "database_url": url}
    settings = estate.LabSettings(**chosen, executor_id="template")
    async with open_storage(settings) as storage:
        await asyncio.to_thread(DBOS.migrate, storage.queue_url)
    return "ready"


@pytest.fixture
async def postgres_database(
    postgres_server: postgres.PostgresServer, postgres_template: str
) -> str:
    """The address of this test's own copy of the template."""
    return await postgres_server.database(f"test_{uuid4().hex}", postgres_template)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings that choose the database: files, or with the parameter `postgres` a server.

    A module runs on both with `pytest.mark.parametrize("database", DATABASES, indirect=True)`.
    """
    if getattr(request, "param", "sqlite") == "sqlite":
        return {}
    url = request.getfixturevalue("postgres_database")
    return {"database_url": url, "executor_id": "one"}


@pytest.fixture
def lab_settings(
    server: bolt.BoltServer,
    provider: minimax.MiniMaxDouble,
    database: dict[str, Any],
    tmp_path: Path,
) -> MakeSettings:
    """Settings that reach the doubles; the topology is the default incident's."""

    def make(**overrides: Any) -> estate.LabSettings:
        chosen = {
            "neo4j_database": "bad_deploy",
            "model_retry_wait_s": 0.2,
            **database,
            **overrides,
        }
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


@pytest.fixture
def incident() -> Incident:
    """What the doubles of Datadog and AWS tell; a module may put its own in its place."""
    return load("bad-deploy")


@pytest.fixture
async def datadog_double(incident: Incident) -> AsyncIterator[DatadogDouble]:
    """The lab's Datadog."""
    async with datadog.serve(Story(incident, datetime.now(UTC))) as double:
        yield double


@pytest.fixture
async def aws_double(incident: Incident) -> AsyncIterator[AwsDouble]:
    """The lab's AWS."""
    async with aws.serve(Story(incident, datetime.now(UTC))) as double:
        yield double


@pytest.fixture
def reach(datadog_double: DatadogDouble, aws_double: AwsDouble) -> dict[str, Any]:
    """The settings that reach both."""
    return estate.sources(datadog_double, aws_double)
