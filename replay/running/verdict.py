"""What a rerun comes to, and how it is told."""

import linecache
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import graph

Kind = Literal["same", "diverged", "state differs", "path differs", "leftover", "raised"]
CODE = Path(graph.__file__).parents[1]
ERROR_LIMIT = 500
"""Characters of an error's own words."""


@dataclass(frozen=True)
class Verdict:
    """How a rerun compares with what was recorded."""

    kind: Kind
    at: str | None = None
    """The address of the first difference."""
    message: str = ""
    lines: Sequence[str] = ()
    """The difference, `-` as recorded, `+` now."""
    changed: Sequence[str] = ()
    """What is not as it was when it was recorded: code, prompts, packages, models."""
    exchanges: int = 0
    """How many were answered from the recording."""

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return self.kind == "same"

    @property
    def head(self) -> str:
        """The first difference on one line."""
        return f"{self.kind} at {self.at}: {self.message}"


def told(run_id: str, verdict: Verdict) -> list[str]:
    """The verdict for people; what has changed since comes last, for it is the reason at most."""
    since = [f"since it was recorded: {line}" for line in verdict.changed]
    if verdict.same:
        count = verdict.exchanges
        return [f"same: run {run_id}, {count} exchanges answered from the recording", *since]
    return [verdict.head, *(f"  {line}" for line in verdict.lines), *since]


def raised(at: str | None, error: BaseException) -> Verdict:
    """The verdict on code that raised, with the line of it."""
    words = f"{type(error).__name__}: {error}"[:ERROR_LIMIT]
    return Verdict("raised", at, words, _place(error))


def _place(error: BaseException) -> list[str]:
    """The innermost line of the graph's code, with its file and number."""
    folder = CODE / "graph"
    frames = traceback.extract_tb(error.__traceback__, limit=None)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)]
    if not ours:
        return []
    last = ours[-1]
    file = Path(last.filename).relative_to(CODE).as_posix()
    line = linecache.getline(last.filename, last.lineno or 0).strip()
    return [f" {file}:{last.lineno} in {last.name}: {line}"]
