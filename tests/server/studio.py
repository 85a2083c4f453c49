"""A real `langgraph dev` on our graph and database, as its clients speak to it."""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError
from langgraph_sdk.schema import ThreadState

from lab import bolt, estate, minimax, standin
from lab.incident import load
from tests.server.conftest import ROOT, environment, free_port

OFFLINE = {"LANGGRAPH_CLI_NO_ANALYTICS": "1", "LANGGRAPH_NO_VERSION_CHECK": "true"}
GRAPH = "investigate"
INCIDENT = "bad_deploy"
QUESTION = "checkout-service is slow since half an hour. What is wrong?"
SOON_S = 15
LOOK_S = 0.05
T = TypeVar("T")


@dataclass(frozen=True)
class Studio:
    """A running `langgraph dev`, reached over our routes and over LangGraph's."""

    ours: httpx.AsyncClient
    client: LangGraphClient
    provider: minimax.MiniMaxDouble
    earlier: dict[str, Any]
    """The answer of `python -m server`, on the same files, before this process began."""
    state_dir: Path

    async def history(self, thread_id: str) -> list[ThreadState]:
        return await self.client.threads.get_history(thread_id, limit=100)

    async def before(self, thread_id: str, node: str) -> ThreadState:
        """The latest step from which that node goes on."""
        return next(step for step in await self.history(thread_id) if node in step["next"])

    async def run(self, thread_id: str, **options: Any) -> list[Any]:
        """Run to the end or to a breakpoint; the parts of the stream."""
        stream = self.client.runs.stream(thread_id, GRAPH, **{"input": None, **options})
        parts = [part async for part in stream]
        assert "error" not in {part.event for part in parts}, parts
        return parts

    async def listed(self, thread_id: str) -> Any:
        """The thread as LangGraph's server lists it, as soon as it does."""
        return await until(lambda: self.client.threads.get(thread_id), NotFoundError)

    async def receipt(self, run_id: str) -> Any:
        """The receipt of that run's enrichment, when it has ended."""

        async def ended() -> Any:
            receipt = (await self.ours.get(f"/v1/enrichments/{run_id}")).json()
            assert receipt["status"] != "pending"
            return receipt

        return await until(ended, AssertionError)

    async def rerun(self, run_id: str) -> tuple[str, int]:
        """What `python -m replay rerun` says of that run, beside this process: verdict, count."""
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "replay", "rerun", "--json", run_id),
            env={"PYTHONPATH": str(ROOT), "STATE_DIR": str(self.state_dir)},
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await running.communicate()
        verdict = json.loads(said)
        return verdict["kind"], verdict["exchanges"]

    async def exchanged(self, thread_id: str) -> int:
        """How many exchanges the threads of that turn and of its enrichment hold at its end."""
        turn: Any = await self.client.threads.get_state(thread_id)
        branch = turn["values"]["enrichment"]["thread_id"]
        await self.listed(branch)

        async def ended() -> Any:
            # Its receipt is kept before its step is.
            state: Any = await self.client.threads.get_state(branch)
            assert not state["next"]
            return state

        threads = [turn, await until(ended, AssertionError)]
        return sum(len(thread["values"]["exchanges"]) for thread in threads)


def run_of(parts: list[Any]) -> str:
    """The id of the run that streamed them."""
    [run_id] = [part.data["run_id"] for part in parts if part.event == "metadata"]
    return str(run_id)


async def until(look: Callable[[], Awaitable[T]], not_yet: type[Exception]) -> T:
    async with asyncio.timeout(SOON_S):
        while True:
            try:
                return await look()
            except not_yet:
                await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def process(
    command: list[str], started: bytes, folder: Path, **variables: str
) -> AsyncIterator[None]:
    """A process that has said that line; it is told to end, and what it says is read away."""
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *command),
        cwd=folder,
        env=variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert running.stdout is not None
    said = b""
    try:
        while started not in said:
            line = await running.stdout.readline()
            assert line, said.decode()
            said += line
        reading = asyncio.create_task(running.stdout.read())
        yield
        running.terminate()
        await reading
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


@asynccontextmanager
async def open_studio(folder: Path) -> AsyncIterator[Studio]:
    """`langgraph dev` in that folder, on what `python -m server` has left there."""
    shutil.copy(ROOT / "langgraph.json", folder)
    async with bolt.serve([INCIDENT]) as server, minimax.serve(standin.answer) as provider:
        await server.load(load("bad-deploy").topology, INCIDENT)
        settings = estate.settings(server, provider, folder / "state", neo4j_database=INCIDENT)
        variables = environment(settings)
        first, second = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
        port = {"SERVER_PORT": first.rpartition(":")[2]}
        async with (
            process(["server"], b"listening on", folder, **variables, **port),
            httpx.AsyncClient(base_url=first, timeout=60) as http,
        ):
            asked = await http.post("/v1/investigations", json={"question": QUESTION})
        options = ["--no-browser", "--no-reload", "--n-jobs-per-worker", "10"]
        dev = ["langgraph_cli", "dev", *options, "--port", second.rpartition(":")[2]]
        async with (
            process(dev, b"Application started up", folder, **variables, **OFFLINE),
            httpx.AsyncClient(base_url=second, timeout=60) as ours,
            get_client(url=second, api_key=None) as client,
        ):
            yield Studio(ours, client, provider, asked.json(), settings.state_dir)
