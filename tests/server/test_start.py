"""The real start: what is missing or wrong ends it at once, with one line and exit code 1."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WITHOUT_LITELLM = (
    "import sys, runpy; sys.modules['litellm'] = None; "
    "sys.argv = ['server']; runpy.run_module('server', run_name='__main__')"
)


def start(tmp_path: Path, command: list[str], **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


def the_only_message(text: str) -> str:
    [line] = [json.loads(line) for line in text.splitlines()]
    assert (line["level"], line["logger"]) == ("ERROR", "netforge")
    return str(line["message"])


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, "MINIMAX_API_KEY is not set"),
        (
            {"MINIMAX_API_KEY": "k", "SERVER_HOST": "0.0.0.0"},
            "SERVER_HOST: '0.0.0.0' is not loopback",
        ),
        (
            {"MINIMAX_API_KEY": "k", "ORCHESTRATOR_MODEL": "minimax/MiniMax-M25"},
            "ORCHESTRATOR_MODEL: unknown model id 'minimax/MiniMax-M25'",
        ),
        (
            {"MINIMAX_API_KEY": "k", "NEO4J_URI": "bolt://127.0.0.1:9"},
            "NEO4J_URI=bolt://127.0.0.1:9 does not answer",
        ),
    ],
)
def test_a_wrong_setting_ends_the_start_with_one_line_that_names_it(
    tmp_path: Path, environment: dict[str, str], named: str
) -> None:
    code, text = start(tmp_path, ["-m", "server"], **environment)
    assert code == 1
    assert the_only_message(text).startswith(named)


def test_without_litellm_the_start_ends_with_one_line(tmp_path: Path) -> None:
    code, text = start(tmp_path, ["-c", WITHOUT_LITELLM], MINIMAX_API_KEY="k")
    assert code == 1
    message = the_only_message(text)
    assert message.startswith("the models cannot be reached")
    assert "pip install -r requirements.txt" in message
