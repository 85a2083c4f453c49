"""The server as a process: how it ends, what it leaves for the next start, what it refuses."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from graph.settings import Settings
from lab.faults import Hang
from lab.minimax import MiniMaxDouble
from tests.conftest import MakeSettings, OpenRuntime
from tests.server.conftest import environment, free_port

ANALYST = "MiniMax-M2.5"
QUESTION = {"question": "checkout-service is slow. What is wrong?"}


@dataclass(frozen=True)
class Served:
    """A server that runs as a process of its own."""

    process: asyncio.subprocess.Process
    client: httpx.AsyncClient

    async def ended(self) -> tuple[int, str]:
        """Its exit code, and what it said after its start."""
        assert self.process.stdout is not None
        said = await self.process.stdout.read()
        return await self.process.wait(), said.decode()


@asynccontextmanager
async def served(settings: Settings, **variables: str) -> AsyncIterator[Served]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server"),
        env={**environment(settings), "SERVER_PORT": str(port), **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        said = b""
        while b"listening on" not in said:
            line = await process.stdout.readline()
            assert line, said.decode()
            said += line
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield Served(process, client)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
async def test_a_server_told_to_stop_waits_for_the_enrichments_and_ends_well(
    lab_settings: MakeSettings,
    open_lab: OpenRuntime,
    provider: MiniMaxDouble,
    told: signal.Signals,
) -> None:
    provider.always(ANALYST, Hang())
    async with served(lab_settings(enrichment_timeout_s=1.5)) as first:
        turn = (await first.client.post("/v1/investigations", json=QUESTION)).json()["run_id"]
        request = await provider.wait_for(ANALYST, 1)
        first.process.send_signal(told)
        code, said = await first.ended()
    assert code == 0
    assert "waiting up to 1.5 s for 1 enrichments to end" in said
    await request.closed_by_client.wait()
    async with open_lab() as runtime:
        receipt = await runtime.enrichment(turn)
    assert receipt is not None
    assert receipt["status"] == "timeout"
    assert len(provider.of(ANALYST)) == 1


async def test_told_twice_it_parks_the_enrichments_and_the_next_start_resumes_them(
    lab_settings: MakeSettings, open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.always(ANALYST, Hang())
    async with served(lab_settings()) as first:
        turn = (await first.client.post("/v1/investigations", json=QUESTION)).json()["run_id"]
        await provider.wait_for(ANALYST, 1)
        first.process.terminate()
        assert first.process.stdout is not None
        while b"waiting up to" not in await first.process.stdout.readline():
            assert not first.process.stdout.at_eof()
        first.process.terminate()
        code, said = await first.ended()
    assert code == 130
    assert "1 enrichments are parked; the next start resumes them" in said
    assert "cancelled" not in said
    provider.always(ANALYST, None)
    async with open_lab(enrichment=False) as runtime:
        switched_off = await runtime.enrichment(turn)
    async with open_lab() as runtime:
        resumed = await runtime.enrichment(turn)
    assert switched_off is not None
    assert switched_off["status"] == "pending"
    assert resumed is not None
    assert resumed["status"] == "stored"


async def refusal(settings: Settings, **overrides: str) -> tuple[int | None, str]:
    """The exit code, and the message of the one line that it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server"),
        env={**environment(settings), **overrides},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    [line] = said.decode().splitlines()
    return process.returncode, json.loads(line)["message"]


async def test_a_port_in_use_ends_the_start_with_one_line(lab_settings: MakeSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = await refusal(lab_settings(), SERVER_PORT=str(port))
    assert code == 1
    assert said == (
        f"SERVER_PORT={port} on 127.0.0.1 cannot be used: {os.strerror(98)} "
        f"(while attempting to bind on address ('127.0.0.1', {port})); choose another"
    )


async def test_a_second_server_on_a_state_directory_is_refused(lab_settings: MakeSettings) -> None:
    settings = lab_settings()
    async with served(settings):
        code, said = await refusal(settings, SERVER_PORT="0")
    assert code == 1
    assert said.startswith(f"STATE_DIR={settings.state_dir} is in use by another process")


async def test_a_broken_file_is_named_when_the_start_ends(lab_settings: MakeSettings) -> None:
    settings = lab_settings()
    broken = Path(settings.state_dir) / "memory.sqlite"
    broken.parent.mkdir()
    broken.write_bytes(b"this is no database" * 1000)
    code, said = await refusal(settings, SERVER_PORT="0")
    assert code == 1
    assert f"{broken} cannot be used: file is not a database; move it away" in said
