"""What has changed since a run was recorded is said line by line, of each part of the run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graph.setup import made_with
from replay.file.document import from_text
from replay.recording import Of, Recording, Segment
from replay.running.rerun import rerun
from replay.running.since import changed_since, made_here
from tests.replay.edited import TAPE

Setup = dict[str, Any]


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recording:
    """One that was made with what is here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ORCHESTRATOR_MODEL", raising=False)
    monkeypatch.delenv("ANALYST_MODEL", raising=False)
    found = from_text(TAPE.read_text())
    return replace(found, segments=[made_here(segment) for segment in found.segments])


def with_setup(recording: Recording, of: Of, change: Callable[[Setup], Setup]) -> Recording:
    """The recording, with that part of it made with something else."""

    def changed(segment: Segment) -> Segment:
        entries = [
            {**entry, "response": change(entry["response"])} if entry["kind"] == "setup" else entry
            for entry in segment.steps[0].exchanges
        ]
        made = {**segment.steps[0].changes}
        made["exchanges"] = {**made["exchanges"], "then": entries}
        return replace(segment, steps=[replace(segment.steps[0], changes=made), *segment.steps[1:]])

    segments = [changed(segment) if segment.of == of else segment for segment in recording.segments]
    return replace(recording, segments=segments)


def made_by(**other: Any) -> Callable[[Setup], Setup]:
    return lambda setup: {**setup, "made_with": {**setup["made_with"], **other}}


def test_nothing_is_said_of_a_recording_that_was_made_with_what_is_here(
    recording: Recording,
) -> None:
    assert changed_since(recording) == []


async def test_settings_that_are_wrong_here_are_said_beside_the_verdict(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://elsewhere")
    verdict, _ = await rerun(recording)
    assert verdict.same
    [line] = verdict.changed
    assert line.startswith("model: not known what it would be now: DATABASE_URL")


async def test_each_thing_that_changed_is_named_with_what_it_was_and_is(
    recording: Recording,
) -> None:
    here = made_with()
    then = made_by(
        code="0123",
        prompts={**here["prompts"], "plan": "4567"},
        packages={**here["packages"], "langgraph": "1.0.0", "gone": "2.0"},
    )
    for of in ("turn", "enrichment"):
        recording = with_setup(recording, of, then)
    lines = [
        f"code 0123 → {here['code']}",
        f"prompt plan 4567 → {here['prompts']['plan']}",
        "package gone 2.0 → none",
        f"package langgraph 1.0.0 → {here['packages']['langgraph']}",
    ]
    assert changed_since(recording) == lines
    verdict, _ = await rerun(recording)
    assert verdict.same
    assert verdict.changed == lines


def test_an_enrichment_that_other_code_made_is_told_apart(recording: Recording) -> None:
    later = with_setup(recording, "enrichment", made_by(code="89ab"))
    assert changed_since(later) == [f"code 89ab → {made_with()['code']} (enrichment)"]


async def test_other_models_are_named_and_those_that_were_recorded_are_used(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_MODEL", "minimax/MiniMax-M2.7")
    monkeypatch.setenv("ANALYST_MODEL", "minimax/MiniMax-M2.1")
    verdict, _ = await rerun(recording)
    assert verdict.same
    assert verdict.changed == [
        "model analyst minimax/MiniMax-M2.5 → minimax/MiniMax-M2.1",
        "model orchestrator minimax/MiniMax-M3 → minimax/MiniMax-M2.7",
    ]
