"""A plugin of pytest: every exported run (`*.tape.jsonl`) that pytest comes across is a test.

It passes when the current code does what was recorded. Switch it on with
`pytest_plugins = ["replay.pytest_plugin"]` in the outermost `conftest.py`, or with
`-p replay.pytest_plugin`; `--accept-tapes` takes what the current code does for right.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from replay.file.suffix import SUFFIX

ACCEPT = "--accept-tapes"
SECTION = "tape"
Value = TypeVar("Value")


class TapeDiffers(Exception):
    """The current code does not do what was recorded; the message is told as it is."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that accepts."""
    parser.getgroup("tapes", "exported runs as tests").addoption(
        ACCEPT,
        action="store_true",
        help=f"write what the current code does to each *{SUFFIX} that differs, and show how",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """An exported file, as one test."""
    if not file_path.name.endswith(SUFFIX):
        return None
    found: TapeFile = TapeFile.from_parent(parent, path=file_path)
    return found


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show what was accepted: no test failed for it."""
    shown = [
        f"{report.nodeid.partition('::')[0]}\n{text}"
        for report in terminalreporter.getreports("passed")
        for title, text in report.sections
        if title == f"Captured {SECTION} call"
    ]
    if shown:
        terminalreporter.section("tapes that were accepted: look at them before you commit")
        terminalreporter.write_line("\n\n".join(shown))


class TapeFile(pytest.File):
    """The file."""

    def collect(self) -> Iterator[pytest.Item]:
        """Its one test."""
        yield Tape.from_parent(self, name=self.path.name.removesuffix(SUFFIX))


class Tape(pytest.Item):
    """Runs the current code on it."""

    def runtest(self) -> None:
        """Raise TapeDiffers with the lines of `python -m replay rerun`."""
        # Only here: the graph takes a second to import, and most runs of pytest need no tape.
        from graph.errors import NetForgeError
        from graph.untrusted import printable

        try:
            same, lines = _run(self._judged())
        except NetForgeError as error:
            same, lines = False, [str(error)]
        text = "\n".join(map(printable, lines))
        if not same:
            raise TapeDiffers(text)
        if lines:
            self.add_report_section("call", SECTION, text)

    async def _judged(self) -> tuple[bool, list[str]]:
        """Whether the test passes, and what is to be said."""
        from replay.acceptance import accept
        from replay.file.source import recording_in
        from replay.running.rerun import rerun
        from replay.running.verdict import told

        recording = await recording_in(self.path)
        verdict, _ = await rerun(recording)
        if verdict.same:
            return True, []
        if self.config.getoption(ACCEPT):
            return True, (await accept(self.path)).lines
        return False, [
            *told(recording.run_id, verdict),
            f"if that is wanted: pytest {ACCEPT} {self.nodeid.partition('::')[0]}",
        ]

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The lines alone, where the tape differs or cannot be read."""
        if isinstance(excinfo.value, TapeDiffers):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where it stands and what it is called."""
        return self.path, None, f"tape {self.name}"


def _run(coroutine: Coroutine[Any, Any, Value]) -> Value:
    """Its result, on a loop of its own: other plugins keep theirs as it is."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(coroutine)
