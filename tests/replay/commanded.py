"""`python -m replay` as it is called from a shell, in this process."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from replay.__main__ import main


@dataclass(frozen=True)
class Commanded:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What it printed."""
        return self.out.splitlines()

    @property
    def document(self) -> Any:
        """The one JSON document that it printed."""
        [line] = self.lines
        return json.loads(line)


@dataclass(frozen=True)
class Shell:
    """Runs commands on one state directory."""

    capsys: pytest.CaptureFixture[str]

    async def run(self, *arguments: str | Path) -> Commanded:
        """Run `python -m replay` with these arguments."""
        self.capsys.readouterr()
        # It has an event loop of its own.
        code = await asyncio.to_thread(main, [str(argument) for argument in arguments])
        said = self.capsys.readouterr()
        return Commanded(code, said.out, said.err)


def shell_on(
    state_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    """A shell whose STATE_DIR is that folder, with room for long lines."""
    monkeypatch.setenv("STATE_DIR", str(state_dir))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("COLUMNS", "220")
    return Shell(capsys)
