"""The lab's command line, run as a person runs it."""

import json
import os
import signal
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from lab.incident import load, shipped

ROOT = Path(__file__).parents[2]


def lab(*arguments: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "lab", "--json", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_incident_is_solved_with_existing_evidence(name: str) -> None:
    code, result = lab("--incident", name)
    assert code == 0
    assert result["report"]["root_cause"]["component"] == load(name).expected.root_cause
    assert result["report"]["evidence"]
    assert result["report"]["flags"] == []
    assert result["enrichment"]["status"] == "stored"


def test_who_holds_the_connections_is_found_among_all_callers_of_the_database() -> None:
    incident = load("pool-exhausted")
    into = [call for call in incident.topology.call if call.target == incident.expected.root_cause]
    most = max(into, key=lambda call: call.connections or 0)
    _, result = lab("--incident", "pool-exhausted")
    explanation = result["report"]["root_cause"]["explanation"]
    assert f"{most.source} holds the most ({most.connections})" in explanation


def test_a_question_about_facts_gets_no_incident_report() -> None:
    code, result = lab("--question", "Who owns checkout-service and what does it depend on?")
    assert code == 3
    assert result["report"] is None
    assert "owned by checkout" in result["answer"]
    assert "payment-service" in result["answer"]


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_lab_that_is_told_to_stop_leaves_nothing_behind(
    told: signal.Signals, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "lab"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    with process:
        said = list(takewhile(lambda line: "Steps" not in line, process.stdout))
        process.send_signal(told)
        said += process.stdout.readlines()
    assert process.returncode == 128 + told, "".join(said)
    assert "Traceback" not in "".join(said)
    assert list(tmp_path.iterdir()) == []
