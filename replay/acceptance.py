"""Accepting a wanted change: an exported file becomes what the current code does."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graph.errors import NetForgeError
from replay.export import exported
from replay.file.source import recording_in
from replay.recording import KEPT, Recording
from replay.running.further import further
from replay.running.rerun import ENDS_IT, rerun
from replay.running.since import changed_since, made_here
from replay.running.verdict import Verdict, told


class NotAccepted(NetForgeError):
    """What the current code does cannot be a recording; the file stays as it was."""


@dataclass(frozen=True)
class Acceptance:
    """What was accepted, and what became of the file."""

    run_id: str
    verdict: Verdict
    """How the current code compared with the file as it was."""
    further: Sequence[str]
    """What else differed, line by line."""
    done: str
    """On one line."""

    @property
    def lines(self) -> list[str]:
        """All of it for people."""
        return [*told(self.run_id, self.verdict), *self.further, self.done]


async def accept(path: Path) -> Acceptance:
    """Write what the current code does to the file, and that it was made with this code.

    The models' and the sources' answers stay those that were recorded. Raises NotAccepted where
    only a live run has the answer, or where the code does something else each time;
    UnreadableValue; ExportRefused.
    """
    recording = await recording_in(path)
    verdict, _ = await rerun(recording)
    if verdict.same and _is_made_here(recording):
        done = f"nothing to accept: {path} is what this code does, and says so"
        return Acceptance(recording.run_id, verdict, [], _with_rest(done, recording))
    made = await _made(recording)
    beside = [] if verdict.same else further(recording, made, verdict)
    await asyncio.to_thread(_write, path, await exported(made))
    what = "now says that this code made it" if verdict.same else "is now what this code does"
    done = _with_rest(f"accepted: {path} {what}", made)
    return Acceptance(recording.run_id, verdict, beside, done)


async def _made(recording: Recording) -> Recording:
    """What the current code makes of the recorded answers."""
    again, made = await rerun(recording, accept=True)
    if again.kind in ENDS_IT or any(
        segment.steps and not other.steps
        for segment, other in zip(recording.segments, made.segments, strict=False)
    ):
        why = "; only a live run can answer that" if again.kind == "diverged" else ""
        raise NotAccepted(f"not accepted: {again.head}{why}")
    made = replace(
        made,
        run={**made.run, **_row(made)},
        segments=[made_here(segment) for segment in made.segments],
    )
    twice, _ = await rerun(made)
    if not twice.same:
        shown = " ".join(line for line in twice.lines if line[0] in "+-")
        raise NotAccepted(
            f"not accepted, the code does something else each time: {twice.head}: {shown}"
        )
    return made


def _row(made: Recording) -> Mapping[str, Any]:
    """What the code now says of the run to its row."""
    return {
        name: value
        for _, entry in made.exchanges()
        if entry["kind"] == "run"
        for name, value in entry["request"].items()
        if name in KEPT
    }


def _is_made_here(recording: Recording) -> bool:
    return [made_here(segment) for segment in recording.segments] == list(recording.segments)


def _with_rest(done: str, made: Recording) -> str:
    """With what no acceptance changes: whose answers they are."""
    rest = "; ".join(changed_since(made))
    return f"{done} (the answers are still the recorded ones: {rest})" if rest else done


def _write(path: Path, text: str) -> None:
    """Replace the file whole, so that nobody ever reads a part of it. Raises NotAccepted."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=f".{path.name}.", encoding="utf-8", delete=False
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            shutil.copymode(path, file.name)
            Path(file.name).replace(path)
        finally:
            Path(file.name).unlink(missing_ok=True)
    except OSError as error:
        raise NotAccepted(f"not accepted, the file cannot be written: {error}") from None
