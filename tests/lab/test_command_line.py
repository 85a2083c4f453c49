"""The lab's command line, run as a person runs it."""

import json
import subprocess
import sys
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
