"""Files made to do harm: one line that says why not, or a verdict, and neither takes long."""

import asyncio
import json
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graph.errors import UnreadableValue
from graph.tools.result import ToolResult
from replay.file.document import UnreadableRecording, from_text, to_text
from replay.file.lines import LINES_LIMIT
from replay.recording import Recording, Segment, Step
from replay.running import rerun as rerun_module
from replay.running.rerun import rerun
from tests.replay.commanded import Shell, shell_on
from tests.replay.mutations import at_path, body_of, fit_digest, paths, seal
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


def in_one_form(line: Any) -> str:
    return json.dumps(line, separators=(",", ":"), ensure_ascii=False)


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


def test_four_hundred_thousand_small_messages_are_refused_before_one_is_read(small: Small) -> None:
    head = '{"start":"messages","list":1}\n'
    assert head in small.report
    more = [f'{{"entry":{{"content":"","type":"human","id":"h{n}"}}}}\n' for n in range(400_000)]
    many = head.replace("1", "400001") + "".join(more)
    body = body_of(small.report).replace(head, many, 1)
    with pytest.raises(UnreadableRecording, match=rf"^it has 400\d+ lines; {LINES_LIMIT} is the"):
        from_text(seal(body))


def test_a_result_is_checked_once_however_many_exchanges_answer_with_it(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[Any] = []
    known = ToolResult.model_validate

    def noted(value: Any, **how: Any) -> ToolResult:
        checked.append(value)
        return known(value, **how)

    monkeypatch.setattr(ToolResult, "model_validate", noted)
    lines = [json.loads(line) for line in body_of(small.report).split("\n")[:-1]]
    place = next(n for n, line in enumerate(lines) if line.get("entry", {}).get("kind") == "tool")
    head = max(number for number in range(place) if "change" in lines[number])
    lines[head]["list"] += 500
    lines[place:place] = [lines[place]] * 500
    from_text(seal("".join(f"{in_one_form(line)}\n" for line in lines)))
    assert len(checked) == 2


WRONG = [1] * 100_000
WRONG_CONTENT = {"type": "ai", "content": WRONG}
WRONG_ENTRIES: dict[str, Callable[[Any], bool]] = {
    "contents": lambda line: _wrong_in(line, "human", "content"),
    "calls": lambda line: _wrong_in(line, "ai", "tool_calls"),
    "unreadable calls": lambda line: _wrong_in(line, "ai", "invalid_tool_calls"),
    "an answer in full": lambda line: _wrong_answer(line, "model", {"in_full": WRONG_CONTENT}),
    "hints": lambda line: _wrong_answer(line, "memory", WRONG),
    "sources": lambda line: _wrong_settings(line),
    "a report": lambda line: _wrong_report(line),
}
"""Lists, each of whose entries is wrong."""


def _entry(line: Any, **known: str) -> Any:
    entry = line.get("entry")
    found = isinstance(entry, dict) and all(entry.get(name) == known[name] for name in known)
    return entry if found else None


def _wrong_in(line: Any, kind: str, name: str) -> bool:
    if entry := _entry(line, type=kind):
        entry[name] = WRONG
    return bool(entry)


def _wrong_answer(line: Any, kind: str, response: Any) -> bool:
    if entry := _entry(line, kind=kind):
        entry["response"] = response
    return bool(entry)


def _wrong_settings(line: Any) -> bool:
    if entry := _entry(line, kind="setup"):
        entry["response"]["settings"]["sources"] = WRONG
    return bool(entry)


def _wrong_report(line: Any) -> bool:
    found = line.get("change") == "report" and line["value"]
    if found:
        line["value"]["evidence"] = WRONG
    return bool(found)


@pytest.mark.parametrize("kind", WRONG_ENTRIES)
def test_a_list_of_wrong_entries_takes_no_more_memory_than_it_has_to_be_read(
    kind: str, small: Small
) -> None:
    lines = [json.loads(line) for line in body_of(small.report).split("\n")[:-1]]
    assert any(WRONG_ENTRIES[kind](line) for line in lines)
    text = seal("".join(f"{in_one_form(line)}\n" for line in lines))
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableRecording):
            from_text(text)
        assert tracemalloc.get_traced_memory()[1] < 40 * len(text)
    finally:
        tracemalloc.stop()


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
    lines[place] = in_one_form({"start": "alert", "value": alert})
    recording = from_text(seal("".join(f"{line}\n" for line in lines)))
    assert recording.segments[0].start["alert"] == alert


MODULE = "named_by_a_file"


def texts_in(lines: list[Any]) -> set[str]:
    """Every text and every name in them."""
    parts = [at_path(lines, path) for path in paths(lines)]
    names = {name for part in parts if isinstance(part, dict) for name in part}
    return names | {part for part in parts if isinstance(part, str)}


def with_text(lines: list[Any], old: str, new: str) -> str:
    """The file with another text wherever that one stands, and digests that fit."""
    changed = json.loads(in_one_form(lines).replace(in_one_form(old), in_one_form(new)))
    for line in changed:
        fit_digest(line)
    return seal("".join(f"{in_one_form(line)}\n" for line in changed))


def with_error(lines: list[Any], error: str) -> str:
    """The file, in which what a model answered is an error of that name."""
    changed = json.loads(in_one_form(lines))
    for line in changed:
        if entry := _entry(line, kind="model"):
            entry.update(response=None, status="error", error=error, measured={})
    return seal("".join(f"{in_one_form(line)}\n" for line in changed))


async def test_no_text_of_a_file_is_taken_for_the_name_of_a_module(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{MODULE}.py").write_text("class Error(Exception):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    lines = [json.loads(line) for line in body_of(small.report).split("\n")[:-1]]
    files = [with_text(lines, old, MODULE) for old in sorted(texts_in(lines))]
    files += [with_error(lines, said) for said in (MODULE, f"{MODULE}: x", f"{MODULE}.Error: x")]
    ended = 0
    for text in files:
        with suppress(UnreadableValue):
            await rerun(from_text(text))
            ended += 1
    assert ended > 50
    assert MODULE not in sys.modules
