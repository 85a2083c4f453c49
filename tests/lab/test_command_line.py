"""The lab's command line, run as a person runs it."""

import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from lab.__main__ import main

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "lab")


@functools.cache
def lab(*arguments: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [*COMMAND, "--json", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def test_an_incident_is_played_to_its_report_and_its_stored_enrichment() -> None:
    code, result = lab("--incident", "bad-deploy")
    assert code == 0
    assert result["report"]["root_cause"]["component"] == "pricing-service"
    assert result["report"]["evidence"]
    assert result["report"]["flags"] == []
    assert result["enrichment"]["status"] == "stored"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--question", ""], "the question is empty"),
        (["--question", " \n"], "the question is empty"),
        (["--question", "q" * 8001], "8001 characters"),
        (["--question", "\udcff"], "half a character"),
        (["--incident", ""], "no incident ''"),
        (["--incident", "no\x1b[2Jsuch"], "no incident"),
    ],
)
def test_what_cannot_be_asked_or_played_is_a_wrong_argument(
    arguments: list[str],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["lab", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    usage, said = capsys.readouterr().err.split("error: ")
    assert usage.startswith("usage: ")
    assert complaint in said
    assert said.count("\n") == 1
    assert "\x1b" not in said


def test_a_closed_pipe_ends_the_lab_quietly(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        done = subprocess.run(
            [*COMMAND, "--json"],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=100,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "")
    assert list(tmp_path.iterdir()) == []


def test_a_question_about_facts_gets_no_report_also_on_a_terminal_without_unicode() -> None:
    done = subprocess.run(
        [*COMMAND, "--question", "Who owns checkout-service and what does it depend on?"],
        cwd=ROOT,
        env={**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (3, b"")
    assert b"Starting the estate ?" in done.stdout
    assert b"owned by checkout" in done.stdout
    assert b"payment-service" in done.stdout
    assert done.stdout.endswith(b"No report was asked for or made: exit code 3.\n")


@pytest.fixture
def interrupts() -> Iterator[None]:
    """SIGINT is heeded by children: a shell's background job ignores it, and they would too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
@pytest.mark.parametrize(
    "told", [(signal.SIGTERM, signal.SIGHUP), (signal.SIGHUP,), (signal.SIGINT,)]
)
def test_a_lab_that_is_told_to_stop_leaves_nothing_behind(
    told: tuple[signal.Signals, ...], tmp_path: Path
) -> None:
    process = subprocess.Popen(
        COMMAND,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    with process:
        said = list(takewhile(lambda line: "Starting" not in line, process.stdout))
        process.send_signal(told[0])
        for number in told[1:]:
            said += takewhile(lambda line: "Stopping" not in line, process.stdout)
            process.send_signal(number)
        said += process.stdout.readlines()
    assert process.returncode == 128 + told[0], "".join(said)
    assert "Traceback" not in "".join(said)
    assert list(tmp_path.iterdir()) == []
