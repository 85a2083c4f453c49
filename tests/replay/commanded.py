"""`python -m replay` as it is called from a shell, in this process."""

import asyncio
import io
import json
from contextlib import redirect_stderr, redirect_stdout
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


class Shell:
    """Runs commands on one state directory."""

    async def run(self, *arguments: str | Path) -> Commanded:
        """Run `python -m replay` with these arguments."""
        # It has an event loop of its own.
        return await asyncio.to_thread(_called, [str(argument) for argument in arguments])


def shell_on(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell whose STATE_DIR is that folder, with room for long lines."""
    monkeypatch.setenv("STATE_DIR", str(state_dir))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("COLUMNS", "220")
    return Shell()


def _called(arguments: list[str]) -> Commanded:
    # Not capsys: what starts meanwhile keeps its streams for its log, and they end with the test.
    out, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(errors):
        code = main(arguments)
    return Commanded(code, out.getvalue(), errors.getvalue())
