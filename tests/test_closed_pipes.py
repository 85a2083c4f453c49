"""A command whose output nobody reads any more ends quietly."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TAPE = ROOT / "tests" / "replay" / "tapes" / "bad-deploy.tape.jsonl"


@pytest.mark.parametrize(
    "command", [("graph.memory", "list"), ("replay", "rerun", str(TAPE))], ids=["memory", "replay"]
)
def test_a_closed_pipe_ends_a_command_quietly(command: tuple[str, ...], tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "STATE_DIR": str(tmp_path)},
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (2, "")
