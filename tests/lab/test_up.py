"""`python -m lab up`: what it says, what it keeps, and that it leaves nothing when it stops."""

import asyncio
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest

from lab.__main__ import main
from tests.lab.lab_up import Up, up

NEEDED = (
    *("MINIMAX_API_KEY", "MINIMAX_API_BASE"),
    *("NEO4J_URI", "NEO4J_USER", "NEO4J_PASSWORD", "NEO4J_DATABASE"),
    *("DD_API_KEY", "DD_APP_KEY", "DD_API_URL"),
    *("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"),
    "STATE_DIR",
)
QUESTION = {"question": "Who owns cart-service?"}


def is_empty(folder: Path) -> bool:
    return not list(folder.iterdir())


async def gone(running: Up) -> None:
    """Check that neither the lab nor the graph database that it started listens any more."""
    for address in (running.address, running.exports["NEO4J_URI"]):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGHUP])
async def test_a_lab_that_serves_says_what_is_needed_and_leaves_nothing_when_told_to_stop(
    tmp_path: Path, told: signal.Signals
) -> None:
    async with up(tmp_path) as running:
        kept_in = running.exports["STATE_DIR"]
        await running.stop(told)
    assert running.process.returncode == 0, running.text
    assert "Traceback" not in running.text
    assert "THIS IS A LAB" in running.text
    assert running.address in running.text
    assert set(NEEDED) <= set(running.exports)
    assert kept_in.startswith(str(tmp_path))
    assert is_empty(tmp_path)
    await gone(running)


async def test_a_lab_that_is_told_to_stop_while_it_starts_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    async with up(tmp_path, until="Starting the estate") as running:
        await running.stop()
    assert running.process.returncode == 130, running.text
    assert "Traceback" not in running.text
    assert is_empty(tmp_path)


async def test_a_state_directory_that_is_asked_for_is_kept_for_the_next_lab(
    tmp_path: Path,
) -> None:
    kept, temporary = tmp_path / "kept", tmp_path / "temporary"
    temporary.mkdir()
    arguments = ("--state-dir", str(kept), "--model-delay-s", "0")
    async with up(temporary, *arguments) as first, httpx.AsyncClient(timeout=60) as client:
        answer = await client.post(f"{first.address}/v1/investigations", json=QUESTION)
    async with up(temporary, *arguments) as second, httpx.AsyncClient(timeout=60) as client:
        known = await client.get(f"{second.address}/v1/runs/{answer.json()['run_id']}/answer")
    assert first.process.returncode == 0, first.text
    assert second.exports["STATE_DIR"] == str(kept)
    assert known.json()["answer"] == answer.json()["answer"]
    assert is_empty(temporary)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--port", "70000"], "--port 70000: give one from 0 to 65535"),
        (["--incident", "none"], "no incident 'none'"),
        (["--model-delay-s", "nan"], "--model-delay-s nan: give 0 to 60"),
    ],
)
def test_what_cannot_be_served_is_a_wrong_argument(
    arguments: list[str],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["lab", "up", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_taken_port_is_said_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        monkeypatch.setattr(sys, "argv", ["lab", "up", "--port", port])
        assert main() == 1
    said = capsys.readouterr()
    assert f"error: SERVER_PORT={port} on 127.0.0.1 cannot be used" in said.err
    assert "Starting" not in said.out
