"""The log: what a line says, what it is about, and what never gets into it."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import httpx
import pytest

from graph.memory.shelf import Shelf
from graph.receipts import enrichment_thread
from graph.runtime import open_runtime
from lab.minimax import MiniMaxDouble
from server.logs import TurnLines, handler
from tests.conftest import MakeSettings, OpenRuntime
from tests.server.conftest import ROOT, application, client_of
from tests.server.test_stop import served
from tests.server.watching import Ends

QUESTION = {"question": "checkout-service is slow. What is wrong?"}
TOKEN = "ghp_" + "a1B2" * 9
"""In the format of GitHub's."""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def written(name: str, stream: io.StringIO) -> Iterator[logging.Logger]:
    """That logger, writing to the stream."""
    logger, writing = logging.getLogger(name), handler(stream)
    level = logger.level
    logger.addHandler(writing)
    logger.setLevel(logging.INFO)
    try:
        yield logger
    finally:
        logger.removeHandler(writing)
        logger.setLevel(level)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


async def test_a_server_writes_json_with_the_ids_and_without_queries(
    lab_settings: MakeSettings,
) -> None:
    sent = {"X-Request-Id": "mine-1"}
    async with served(lab_settings()) as server:
        answer = await server.client.post("/v1/investigations", json=QUESTION, headers=sent)
        for path in ("/v1/runs?thread_id=geheim", "/healthz?geheim"):
            await server.client.get(path)
        server.process.terminate()
        _, text = await server.ended()
    said = lines(text)
    for line in said:
        assert datetime.fromisoformat(line["time"]).tzinfo is not None
        assert line["level"] in ("INFO", "WARNING")
        assert line["logger"].startswith(("netforge", "uvicorn", "graph"))
    asked = answer.json()
    [turn] = [line for line in said if line["logger"] == "netforge.turns"]
    assert turn["message"].startswith("turn done in ")
    assert {name: turn[name] for name in ("request_id", "run_id", "thread_id")} == {
        "request_id": "mine-1",
        "run_id": asked["run_id"],
        "thread_id": asked["thread_id"],
    }
    access = [line for line in said if line["logger"] == "uvicorn.access"]
    assert [line["message"].partition(" - ")[2] for line in access] == [
        '"POST /v1/investigations HTTP/1.1" 200',
        '"GET /v1/runs?[hidden] HTTP/1.1" 200',
        '"GET /healthz?[hidden] HTTP/1.1" 200',
    ]
    assert access[0]["request_id"] == "mine-1"
    assert "geheim" not in text


async def test_turns_that_wait_on_a_thread_are_each_logged_under_their_own_request(
    lab_settings: MakeSettings, provider: MiniMaxDouble
) -> None:
    provider.delay_s = 0.2
    out = io.StringIO()
    ids: dict[str, str] = {}
    settings = lab_settings(enrichment=False)
    with written("netforge.turns", out):
        async with (
            open_runtime(settings, observe=[TurnLines()]) as runtime,
            application(runtime) as app,
            client_of(app) as client,
        ):
            for name in ("first", "second", "third"):
                body = {**QUESTION, "thread_id": "t", "when_busy": "queue"}
                headers = {"X-Request-Id": name, "Prefer": "respond-async"}
                accepted = await client.post("/v1/investigations", json=body, headers=headers)
                ids[accepted.json()["run_id"]] = name
            for run_id in ids:
                async for _ in runtime.turns.follow(run_id):
                    pass
    assert [line["request_id"] for line in lines(out.getvalue())] == ["first", "second", "third"]
    assert {line["run_id"]: line["request_id"] for line in lines(out.getvalue())} == ids


async def test_what_breaks_in_an_enrichment_is_logged_under_its_turn(
    open_lab: OpenRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError(f"cannot remember {TOKEN}")

    monkeypatch.setattr(Shelf, "write", broken)
    out = io.StringIO()
    with written("graph.nodes.enrich", out):
        async with open_lab() as runtime:
            ends = Ends(runtime)
            turn_id = (await runtime.investigate(QUESTION["question"]))["turn"]["id"]
            await ends.wait_for(turn_id)
    [line] = lines(out.getvalue())
    assert line["message"] == f"enrichment of turn {turn_id} failed"
    assert (line["run_id"], line["thread_id"]) == (turn_id, enrichment_thread(turn_id))
    assert "request_id" not in line
    assert line["exception"].startswith("Traceback (most recent call last):\n")
    assert line["exception"].endswith("RuntimeError: cannot remember [redacted: GitHub Token]")


@pytest.mark.parametrize("stream", [io.StringIO, Terminal], ids=["JSON", "readable"])
def test_secrets_and_queries_are_hidden_in_messages_and_tracebacks(
    stream: type[io.StringIO],
) -> None:
    out = stream()
    with written("tests.logs", out) as logger:
        logger.warning("GET https://a.example/x?key=%s failed; password=%s", "k1k1k1", "hunter22")
        logger.warning("postgresql://user:%s@host/name", "open-sesame")
        try:
            raise ValueError(f"Bearer {TOKEN}")
        except ValueError:
            logger.exception("it broke")
    text = out.getvalue()
    for secret in ("k1k1k1", "hunter22", "open-sesame", TOKEN):
        assert secret not in text
    assert "https://a.example/x?[hidden] failed" in text
    assert "ValueError: Bearer [redacted" in text


def test_on_a_terminal_a_line_can_be_read_and_nobody_writes_a_second_one() -> None:
    out = Terminal()
    with written("tests.logs", out) as logger:
        logger.info("asked: %s", "x\n2026-01-01T00:00:00.000Z CRITICAL netforge: forged\x1b[2J")
    [line] = out.getvalue().splitlines()
    time, level, name, message = line.split(" ", 3)
    assert datetime.fromisoformat(time).tzinfo is not None
    assert (level, name) == ("INFO", "tests.logs:")
    assert message.startswith("asked: x 2026-01-01")
    assert "\x1b" not in line


async def test_a_failure_of_the_server_is_found_by_the_id_in_the_answer(
    open_lab: OpenRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    with written("netforge.server", out):
        async with (
            open_lab(enrichment=False) as runtime,
            application(runtime) as app,
            client_of(app) as client,
        ):
            monkeypatch.setattr(runtime.runs, "totals", None)
            answer: httpx.Response = await client.get("/v1/usage")
    assert answer.status_code == 500
    [line] = lines(out.getvalue())
    assert f"request {answer.headers['X-Request-Id']} failed: TypeError" in line["message"]
    assert "TypeError" in line["exception"]


@pytest.mark.parametrize(
    ("failing", "logger"),
    [
        ("raise RuntimeError('surprise')", "netforge"),
        ("import warnings; warnings.warn('surprise')", "py.warnings"),
    ],
)
def test_what_nobody_catches_is_a_line_too(failing: str, logger: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"from server import logs; logs.configure(); {failing}"],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    [line] = lines(done.stderr)
    assert line["logger"] == logger
    assert "surprise" in line.get("exception", line["message"])
