"""The code with an edit of its text, in a folder of its own, and what a rerun by it says."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TAPES = ROOT / "tests" / "replay" / "tapes"
TAPE = TAPES / "bad-deploy.tape.jsonl"
CODE = ("graph", "replay")
LIMIT_S = 100


@dataclass(frozen=True)
class Edit:
    """One text in the place of another, in a file of the code."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    code: int
    lines: list[str]
    errors: str

    @property
    def difference(self) -> list[str]:
        """The lines under the first, without those that say what changed since."""
        return [line.removeprefix("  ") for line in self.lines[1:] if line.startswith("  ")]

    @property
    def since(self) -> list[str]:
        """What has changed since it was recorded."""
        head = "since it was recorded: "
        return [line.removeprefix(head) for line in self.lines if line.startswith(head)]


def edited(folder: Path, *edits: Edit) -> Path:
    """A copy of the code with these edits."""
    for name in CODE:
        shutil.copytree(ROOT / name, folder / name)
    for edit in edits:
        path = folder / edit.file
        text = path.read_text(encoding="utf-8")
        assert text.count(edit.old) == 1, f"{edit.file} holds {edit.old!r} not once"
        path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
    return folder


def rerun(folder: Path, *arguments: str | Path) -> Said:
    """`python -m replay rerun` by the code in that folder, with nothing in its environment."""
    done = subprocess.run(
        [sys.executable, "-m", "replay", "rerun", *map(str, arguments)],
        cwd=folder,
        env={},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    return Said(done.returncode, done.stdout.splitlines(), done.stderr)
