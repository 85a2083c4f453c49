"""`langgraph dev` loads `langgraph.json`, runs a question through its API, and shows the steps."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from graph.settings import Settings
from lab.minimax import MiniMaxDouble
from tests.conftest import MakeSettings
from tests.server.conftest import ROOT, environment, free_port

OFFLINE = {"LANGGRAPH_CLI_NO_ANALYTICS": "1", "LANGGRAPH_NO_VERSION_CHECK": "true"}
QUESTION = "checkout-service is slow since half an hour. What is wrong?"


@asynccontextmanager
async def langgraph_dev(folder: Path, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A running `langgraph dev` with our `langgraph.json`, in a folder of its own."""
    shutil.copy(ROOT / "langgraph.json", folder)
    port = free_port()
    options = ["--no-browser", "--no-reload", "--n-jobs-per-worker", "10", "--port", str(port)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "langgraph_cli", "dev", *options),
        cwd=folder,
        env={**environment(settings), **OFFLINE},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said: list[bytes] = []

    async def listen(lines: asyncio.StreamReader, started: asyncio.Event) -> None:
        async for line in lines:
            said.append(line)
            if b"Application started up" in line:
                started.set()

    started = asyncio.Event()
    listening = asyncio.create_task(listen(process.stdout, started))
    waiting = asyncio.create_task(started.wait())
    try:
        await asyncio.wait({listening, waiting}, return_when=asyncio.FIRST_COMPLETED)
        assert started.is_set(), b"".join(said).decode()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        waiting.cancel()
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await listening


async def test_a_question_runs_through_the_api_and_its_steps_can_be_read(
    lab_settings: MakeSettings, provider: MiniMaxDouble, tmp_path: Path
) -> None:
    async with langgraph_dev(tmp_path, lab_settings()) as client:
        thread = (await client.post("/threads", json={})).json()["thread_id"]
        asked: dict[str, Any] = {
            "assistant_id": "investigate",
            "input": {"messages": [{"role": "user", "content": QUESTION}]},
        }
        ended = (await client.post(f"/threads/{thread}/runs/wait", json=asked)).json()
        assert ended["report"]["root_cause"]["component"] == "pricing-service"
        history = (await client.get(f"/threads/{thread}/history?limit=50")).json()
        nodes = {task["name"] for step in history for task in step["tasks"]}
        assert {"plan", "tool", "respond"} <= nodes
        await provider.wait_for("MiniMax-M2.5", 1)
        receipt = (await client.get(f"/v1/enrichments/{ended['turn']['id']}")).json()
        assert receipt["status"] in ("pending", "stored")
