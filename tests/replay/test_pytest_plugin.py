"""Exported runs as tests, in a folder that holds nothing but them, as a user has it."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.replay.edited import LIMIT_S, ROOT, TAPE, TAPES, Edit, edited

PLAN = "graph/nodes/plan.py"
WORD = Edit("graph/prompts/plan.md", "- Look before you judge.", "- Think before you judge.")
REVERSED = Edit(PLAN, "in enumerate(answer.tool_calls):", "in enumerate(answer.tool_calls[::-1]):")
ACCEPT = "--accept-tapes"
NAMES = ("one", "other")
DIFFERENCE = """\
diverged at plan#1: model orchestrator is asked for something else
   message 1 of 2 (system):
   How to work
  -- Look before you judge. Start from the component that shows the symptom and follow the calls \
it makes.
  +- Think before you judge. Start from the component that shows the symptom and follow the calls \
it makes.
"""


@dataclass(frozen=True)
class Ended:
    """What pytest came to."""

    code: int
    out: str

    @property
    def last(self) -> str:
        """The line with the counts, without its frame and its time."""
        return self.out.splitlines()[-1].strip("= ").partition(" in ")[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two exported runs and a line that switches the plugin on."""
    place = tmp_path / "tapes"
    place.mkdir()
    for name in NAMES:
        shutil.copy(TAPE, place / f"{name}.tape.jsonl")
    (place / "conftest.py").write_text('pytest_plugins = ["replay.pytest_plugin"]\n')
    return place


def run_pytest(folder: Path, code: Path, *options: str) -> Ended:
    """Run pytest in the folder, with that code."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
        cwd=folder,
        env={"PYTHONPATH": str(code), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    return Ended(done.returncode, done.stdout)


def texts(folder: Path) -> list[bytes]:
    return [(folder / f"{name}.tape.jsonl").read_bytes() for name in NAMES]


def test_a_folder_of_exported_runs_passes(folder: Path) -> None:
    (folder / "more").mkdir()
    shutil.move(folder / "other.tape.jsonl", folder / "more" / "third.tape.jsonl")
    ended = run_pytest(folder, ROOT, "-v", "-p", "no:randomly")
    assert (ended.code, ended.last) == (0, "2 passed")
    assert "one.tape.jsonl::one PASSED" in ended.out
    assert "more/third.tape.jsonl::third PASSED" in ended.out


def test_an_option_switches_it_on_as_well(folder: Path) -> None:
    (folder / "conftest.py").unlink()
    assert run_pytest(folder, ROOT).code == 5
    ended = run_pytest(folder, ROOT, "-p", "replay.pytest_plugin", "one.tape.jsonl")
    assert (ended.code, ended.last) == (0, "1 passed")


def test_a_run_that_goes_another_way_fails_with_the_lines_of_the_verdict(
    folder: Path, tmp_path: Path
) -> None:
    before = texts(folder)
    ended = run_pytest(folder, edited(tmp_path / "code", WORD), "one.tape.jsonl")
    assert (ended.code, ended.last) == (1, "1 failed")
    assert DIFFERENCE in ended.out
    assert "\nif that is wanted: pytest --accept-tapes one.tape.jsonl\n" in ended.out
    assert "Traceback" not in ended.out
    assert "runtest" not in ended.out
    assert texts(folder) == before


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "in processes"])
def test_an_accepted_run_is_shown_and_passes_from_then_on(
    options: tuple[str, ...], folder: Path, tmp_path: Path
) -> None:
    code = edited(tmp_path / "code", WORD)
    ended = run_pytest(folder, code, ACCEPT, *options)
    assert (ended.code, ended.last) == (0, "2 passed")
    assert ended.out.count(DIFFERENCE) == len(NAMES)
    assert "tapes that were accepted" in ended.out
    for name in NAMES:
        assert f"{name}.tape.jsonl is now what this code does\n" in ended.out
    written = texts(folder)
    again = run_pytest(folder, code, ACCEPT)
    assert (again.code, again.last) == (0, "2 passed")
    assert "tapes that were accepted" not in again.out
    assert texts(folder) == written
    assert sorted(path.name for path in folder.glob("*tape*")) == [
        f"{name}.tape.jsonl" for name in NAMES
    ]


def test_what_only_a_live_run_could_answer_is_not_accepted(folder: Path, tmp_path: Path) -> None:
    before = texts(folder)
    ended = run_pytest(folder, edited(tmp_path / "code", REVERSED), ACCEPT, "one.tape.jsonl")
    assert (ended.code, ended.last) == (1, "1 failed")
    assert "\nnot accepted: diverged at tool#2.0: tool aws_alarms is asked" in ended.out
    assert "Traceback" not in ended.out
    assert texts(folder) == before


def test_a_file_that_cannot_be_read_fails_and_says_why(folder: Path) -> None:
    text = TAPE.read_text()
    (folder / "one.tape.jsonl").write_text(text[:-100])
    (folder / "other.tape.jsonl").write_text(text.replace("checkout", "chekcout", 1))
    ended = run_pytest(folder, ROOT)
    assert (ended.code, ended.last) == (1, "2 failed")
    for name in NAMES:
        assert f"{name}.tape.jsonl: " in ended.out
    assert "Traceback" not in ended.out
    assert "runtest" not in ended.out


def test_the_exported_runs_of_this_repository_are_tests_of_it() -> None:
    ended = run_pytest(ROOT, ROOT, "--collect-only", "-q", "-n0", "tests/replay/tapes")
    kept = sorted(path.relative_to(ROOT) for path in TAPES.iterdir())
    assert len(kept) > 1
    for path in kept:
        assert f"{path}::{path.name.removesuffix('.tape.jsonl')}\n" in ended.out
        assert path.stat().st_size < 150_000
