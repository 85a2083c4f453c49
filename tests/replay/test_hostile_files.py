"""Files made to do harm: one line that says why not, or a verdict, and neither takes long."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graph.errors import UnreadableValue
from replay import rerun as rerun_module
from replay.differences import text_difference
from replay.document import from_text, to_text
from replay.recording import Recording, Segment, Step
from replay.rerun import rerun
from replay.state_difference import state_difference
from tests.replay.commanded import Shell, shell_on
from tests.replay.mutations import body_of, seal
from tests.replay.small import Small

LONGEST_S = 10.0
"""Of the processor's time, on a machine that does other things too."""
NAMES = ("rerun", "show", "export", "import")


@contextmanager
def not_long() -> Iterator[None]:
    begun_s = time.process_time()
    yield
    assert time.process_time() - begun_s < LONGEST_S


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return shell_on(tmp_path / "state", monkeypatch)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run.tape.jsonl"


def put(file: Path, content: str | bytes) -> None:
    file.write_bytes(content.encode() if isinstance(content, str) else content)


UNREADABLE: dict[str, Callable[[str], str | bytes]] = {
    "a pickle": lambda _: b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix",
    "a program": lambda _: "#!/usr/bin/env python\nimport os\n",
    "an object of langchain": lambda text: text.replace(
        '"entry":{', '"entry":{"lc":1,"type":"constructor","id":["os","system"],"x":{', 1
    ),
    "a lost line": lambda text: "".join(text.splitlines(keepends=True)[:-2]),
    "a name that steers a terminal": lambda text: seal(
        body_of(text).replace('"start":"alert"', '"start":"\\u001b[2J\\u202e\\nalert"', 1)
    ),
    "a very long name": lambda text: seal(
        body_of(text).replace('"start":"alert"', f'"start":"{"x" * 9000}"', 1)
    ),
}


@pytest.mark.parametrize("command", NAMES)
@pytest.mark.parametrize("kind", UNREADABLE)
async def test_a_command_says_on_one_line_why_it_does_nothing_with(
    kind: str, command: str, shell: Shell, file: Path, small: Small
) -> None:
    put(file, UNREADABLE[kind](small.report))
    found = await shell.run(command, file)
    assert (found.code, found.out) == (2, "")
    [line] = found.err.splitlines()
    assert len(line) < 600
    assert line.isprintable()
    assert "line " in line


def without(name: str, small: Small) -> Recording:
    """The run that begins at its calls, with a state that lacks something."""
    recording = from_text(small.from_within)
    turn, *rest = recording.segments
    start = {known: value for known, value in turn.start.items() if known != name}
    steps = [replace(turn.steps[0], changes=_without(name, turn.steps[0])), *turn.steps[1:]]
    return replace(recording, segments=[replace(turn, start=start, steps=steps), *rest])


def _without(name: str, step: Step) -> dict[str, Any]:
    return {
        known: {**change, "keep": 0} if known == name else change
        for known, change in step.changes.items()
    }


@pytest.mark.parametrize("name", ["turn", "spent", "messages", "visits", "recalled", "budgets"])
async def test_a_state_that_lacks_what_the_code_needs_ends_in_a_verdict(
    name: str, small: Small, shell: Shell, file: Path
) -> None:
    put(file, seal(body_of(to_text(without(name, small)))))
    found = await shell.run("rerun", file)
    assert found.code in (0, 1, 2)
    assert "Traceback" not in found.out + found.err
    assert len(found.err.splitlines()) == (found.code == 2)


async def test_what_the_code_raises_on_a_state_is_the_verdict(small: Small) -> None:
    recording = from_text(to_text(without("spent", small)))
    verdict, _ = await rerun(recording)
    assert (verdict.kind, verdict.at) == ("raised", "tool#1")
    assert verdict.message == "KeyError: 'spent'"


async def test_a_rerun_that_does_not_end_is_ended(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rerun_module, "TIME_LIMIT_S", 0.0)
    before = asyncio.all_tasks()
    with pytest.raises(UnreadableValue, match="did not come to its end again in 0 s"):
        await rerun(from_text(small.report))
    assert asyncio.all_tasks() == before


async def test_models_that_call_for_ever_are_answered_as_often_as_was_recorded(
    small: Small,
) -> None:
    """The same answer at each visit: after the recorded ones there is none."""
    recording = from_text(small.words)
    turn, *rest = recording.segments
    first, second = turn.steps[0], turn.steps[1]
    again = replace(
        first,
        visits=["plan#2"],
        following=["tool"],
        changes={
            "exchanges": {
                "keep": 0,
                "then": [{**entry, "visit": 2} for entry in first.exchanges],
            }
        },
    )
    endless = replace(turn, steps=[first, second, again])
    verdict, _ = await rerun(replace(recording, segments=[endless, *rest]), accept=True)
    assert not verdict.same


def begun_with(recording: Recording, **channels: Any) -> Recording:
    turn, *rest = recording.segments
    start = {**turn.start, **channels}
    return replace(recording, segments=[replace(turn, start=start), *rest])


async def test_a_long_thread_before_the_run_takes_time_with_its_length(small: Small) -> None:
    recording = from_text(small.report)
    earlier = [{"content": "/" * 20, "type": "human", "id": f"h{n}"} for n in range(20_000)]
    [question] = recording.segments[0].start["messages"]
    text = to_text(begun_with(recording, messages=[*earlier, question]))
    with not_long():
        verdict, _ = await rerun(from_text(text))
    assert verdict.at == "plan#1"


async def test_a_thousand_calls_at_once_are_run(small: Small) -> None:
    recording = from_text(small.from_within)
    turn = recording.segments[0]
    [question, asked] = turn.start["messages"]
    [call, _] = asked["tool_calls"]
    calls = [{**call, "id": f"c{number}"} for number in range(1000)]
    messages = [question, {**asked, "tool_calls": calls}]
    step = turn.steps[0]
    visits = [f"tool#1.{number}" for number in range(1000)]
    segment: Segment = replace(
        turn,
        start={**turn.start, "messages": messages},
        following=["tool"] * 1000,
        steps=[replace(step, visits=visits)],
    )
    with not_long():
        verdict, made = await rerun(from_text(to_text(replace(recording, segments=[segment]))))
    assert not verdict.same
    assert len(made.segments[0].steps[0].visits) == 1000


def test_texts_that_are_hard_to_compare_are_compared_in_part() -> None:
    ones = "\n".join(f"x\n{number}" for number in range(20_000))
    others = "\n".join(f"x\n{-number}" for number in range(20_000))
    with not_long():
        found = text_difference(ones, others)
        assert text_difference("x\n" * 50_000, "x\n" * 40_000 + "y")
        assert text_difference("a\nb\n" * 20_000, "b\na\n" * 20_000)
    assert found[:2] == [" x", "-1"]
    assert len(found) <= 61


def test_lists_that_are_hard_to_compare_are_compared_in_part() -> None:
    entry = {"id": "E1", "name": "find", "status": "ok"}
    other = {**entry, "id": "E2"}
    with not_long():
        found = state_difference(
            {"evidence": [entry, other] * 20_000}, {"evidence": [other, entry] * 19_000}
        )
    assert found
    assert len(found) <= 61


async def test_an_export_of_lines_that_are_hard_to_search_does_not_take_long(
    small: Small, shell: Shell, file: Path
) -> None:
    recording = from_text(small.report)
    hard = "/" * 300_000 + "//x" * 50_000 + " sk-" * 50_000 + "-sk-a" * 50_000
    message = {"content": hard, "type": "human", "id": "h0"}
    [question] = recording.segments[0].start["messages"]
    text = to_text(begun_with(recording, messages=[message, question]))
    put(file, text)
    with not_long():
        found = await shell.run("export", file)
    assert (found.code, found.out) == (0, text)


def test_a_file_is_data_only(small: Small) -> None:
    """What names code, a place or an object of another library is a text like any other."""
    lines = body_of(small.report).split("\n")[:-1]
    place = next(number for number, line in enumerate(lines) if '"start":"alert"' in line)
    alert = {
        "lc": 1,
        "type": "constructor",
        "id": ["os", "system"],
        "kwargs": {"command": "__import__('os').system('id')"},
        "py/object": "os.system",
        "file": "/etc/passwd",
    }
    lines[place] = json.dumps({"start": "alert", "value": alert}, separators=(",", ":"))
    recording = from_text(seal("".join(f"{line}\n" for line in lines)))
    assert recording.segments[0].start["alert"] == alert
