"""A recording as a text file: the same text each time, and any other refused, by its line."""

import json
import os
import re
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graph.errors import UnreadableValue
from graph.runtime import Runtime
from replay.file.document import UnreadableRecording, from_text, to_text
from replay.file.lines import CHARACTERS_LIMIT, LINES_LIMIT, VALUES_LIMIT
from replay.file.source import BYTES_LIMIT, recording_in
from replay.running.rerun import rerun
from tests.replay.conftest import recorded
from tests.replay.mutations import body_of, seal
from tests.replay.small import QUESTION, Small

Edit = Callable[[str], str]


def lines_of(text: str) -> list[str]:
    return text.split("\n")[:-1]


def as_text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def replaced(old: str, new: str) -> Edit:
    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return edit


def with_line(number: int, line: str) -> Edit:
    """The file with another line of that number, sealed again."""

    def edit(text: str) -> str:
        lines = lines_of(body_of(text))
        lines[number - 1] = line
        return seal(as_text(lines))

    return edit


def swapped(text: str) -> str:
    lines = lines_of(text)
    places = [place for place, line in enumerate(lines) if line.startswith('{"entry"')]
    one, other = places[1], places[2]
    lines[one], lines[other] = lines[other], lines[one]
    return as_text(lines)


def doubled_name(text: str) -> str:
    return seal(body_of(text).replace('"boundary":', '"boundary":"x","boundary":', 1))


def refused(text: str) -> str:
    with pytest.raises(UnreadableRecording) as error:
        from_text(text)
    said = str(error.value)
    assert "\n" not in said
    assert len(said) < 400
    return said


async def test_a_file_holds_the_recording_and_nothing_is_lost_on_the_way(runtime: Runtime) -> None:
    state = await runtime.investigate("checkout-service is slow. What is wrong?")
    recording = await recorded(runtime, state["turn"]["id"])
    text = to_text(recording)
    assert from_text(text) == recording
    assert to_text(from_text(text)) == text
    assert to_text(await recorded(runtime, state["turn"]["id"])) == text
    verdict, _ = await rerun(from_text(text))
    assert verdict.same


async def test_the_order_of_names_is_kept_for_texts_are_made_of_it(small: Small) -> None:
    assert '"args":{"name":"cart-service","direction":"dependents","depth":1}' in small.report
    for text in small.all:
        assert to_text(from_text(text)) == text
        verdict, made = await rerun(from_text(text))
        assert verdict.same
        assert to_text(made) == text


def test_one_entry_that_changes_changes_its_line_and_the_last(small: Small) -> None:
    before = small.report
    after = seal(body_of(before).replace("All is well.", "All is fine.", 1))
    lines = list(zip(lines_of(before), lines_of(after), strict=True))
    differ = [number for number, (one, other) in enumerate(lines, 1) if one != other]
    assert len(differ) == 2
    assert differ[-1] == len(lines)
    assert "All is fine." in lines[differ[0] - 1][1]


def test_a_line_is_a_value_or_an_entry_of_a_list(small: Small) -> None:
    for line in lines_of(small.report)[1:-1]:
        value = json.loads(line)
        assert next(iter(value)) in ("segment", "start", "step", "change", "entry")
        if "value" in value:
            assert not isinstance(value["value"], list)


TEXTS: dict[str, tuple[Edit, str]] = {
    "empty": (lambda _: "", r"it is empty"),
    "without its last line": (body_of, r"it is not whole: line \d+ is not a last one"),
    "without its end": (lambda text: text[:-1], r"it is not whole: line \d+ does not end"),
    "cut in its middle": (lambda text: text[: len(text) // 2], r"line \d+ does not end"),
    "its first line alone": (lambda text: as_text(lines_of(text)[:1]), r"is not a last one"),
    "of the next version": (replaced('{"tape":1', '{"tape":2'), r"of version 2; this code reads"),
    "of version true": (replaced('{"tape":1', '{"tape":true'), r"it is of version true"),
    "of version 1.0": (replaced('{"tape":1', '{"tape":1.0'), r"it is of version 1.0"),
    "of a version that is a text": (replaced('{"tape":1', '{"tape":"1"'), r'of version "1"'),
    "of no version": (replaced('{"tape":1', '{"tap":1'), r"line 1 is not the first line"),
    "of another kind": (lambda _: '[{"run":1}]\n', r"line 1 is not the first line"),
    "with CRLF": (lambda text: text.replace("\n", "\r\n"), r"line 1 ends with CRLF"),
    "with one CRLF": (replaced("}\n{", "}\r\n{"), r"line 1 ends with CRLF"),
    "with a byte order mark": (lambda text: f"\ufeff{text}", r"line 1 begins with a byte order"),
    "with a line lost": (
        lambda text: as_text(lines_of(text)[:8] + lines_of(text)[9:]),
        r"lines were lost or added: \d+ stand before the last",
    ),
    "with a line added": (
        lambda text: as_text([*lines_of(text)[:9], *lines_of(text)[8:]]),
        r"lines were lost or added",
    ),
    "with lines swapped": (swapped, r"."),
    "with a word changed": (replaced("All is well.", "All is bell."), r"a line was changed"),
    "with its seal changed": (replaced('{"end":"', '{"end":"0'), r"a line was changed"),
    "with a count that would change a screen": (
        lambda text: re.sub(r'"lines":\d+}\n$', '"lines":"\u202e\u2066"}\n', text),
        r"which counted [^\u202e\u2066]*; export it again",
    ),
    "with its count as a float": (
        lambda text: text.replace(',"lines":', ',"lines":0.0,"x":'),
        r"is not a last one",
    ),
    "with a space": (replaced('{"run_id":', '{ "run_id":'), r"line 1: it is not written as"),
    "with a name twice": (doubled_name, r"line \d+: it is not written as this version writes"),
    "with a bracket flipped": (replaced('"entry":{', '"entry":['), r"line \d+: it is not JSON"),
    "with a NUL": (replaced("All is", "All\0is"), r"line \d+: it is not JSON: Invalid control"),
    "with half a character": (replaced("All is", "All\ud800is"), r"line \d+: .*surrogates"),
    "with half a character escaped": (
        replaced("All is", "All\\ud800is"),
        r"line \d+: it is not written as",
    ),
    "with a gigantic number": (
        with_line(3, '{"start":"alert","value":{"a":' + "9" * 5000 + "}}"),
        r"line 3: the integer 9{20} has more than 64 bits",
    ),
    "with a number beyond all": (
        with_line(3, '{"start":"alert","value":{"a":1e400}}'),
        r"line 3: the number 1e400 is too large",
    ),
    "with no number": (
        with_line(3, '{"start":"alert","value":{"a":NaN}}'),
        r"line 3: NaN is not a number",
    ),
    "nested 10,000 deep": (
        with_line(3, '{"start":"alert","value":' + '{"a":' * 10_000 + "1" + "}" * 10_001),
        r"line 3: nested too deep",
    ),
    "nested 150 deep": (
        with_line(3, '{"start":"alert","value":' + '{"a":' * 150 + "1" + "}" * 151),
        r"line 3: nested deeper than 100 levels",
    ),
    "with an object of 20,000 names": (
        with_line(
            3,
            '{"start":"alert","value":{' + ",".join(f'"{n}":0' for n in range(20_000)) + "}}",
        ),
        r"line 3: an object of 20000 names",
    ),
    "with too many characters": (
        lambda text: text + "x" * CHARACTERS_LIMIT,
        rf"it has \d+ characters; {CHARACTERS_LIMIT} is the most",
    ),
    "with too many lines": (
        lambda text: text + "\n" * LINES_LIMIT,
        rf"it has \d+ lines; {LINES_LIMIT} is the most",
    ),
    "with too many values": (
        lambda text: text + ",[" * (VALUES_LIMIT // 2),
        rf"it has \d+ values; {VALUES_LIMIT} is the most",
    ),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_a_file_is_refused_that_is(kind: str, small: Small) -> None:
    edit, said = TEXTS[kind]
    with pytest.raises(UnreadableRecording, match=said):
        from_text(edit(small.report))
    refused(edit(small.report))


def test_every_flipped_bit_is_noticed(small: Small) -> None:
    data = small.report.encode()
    for place in range(0, len(data), 97):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        refused(flipped.decode(errors="replace"))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**64, "\ud800", "deep"], ids=repr)
def test_what_no_file_could_hold_is_not_written(value: Any, small: Small) -> None:
    recording = from_text(small.report)
    first, *rest = recording.segments
    if value == "deep":
        for _ in range(200):
            value = [value]
    first = replace(first, start={**first.start, "alert": {"a": value}})
    with pytest.raises(UnreadableValue, match=r"line 3 of the file could not be read: "):
        to_text(replace(recording, segments=[first, *rest]))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run.tape.jsonl"


def put(file: Path, content: bytes) -> None:
    file.write_bytes(content)


async def said_of(file: Path) -> str:
    with pytest.raises(UnreadableRecording) as error:
        await recording_in(file)
    said = str(error.value)
    assert said.startswith(f"{file}: ")
    assert "\n" not in said
    return said.removeprefix(f"{file}: ")


async def test_a_file_is_read_as_it_is(file: Path, small: Small) -> None:
    put(file, small.report.encode())
    assert await recording_in(file) == from_text(small.report)


async def test_an_unreadable_file_is_told_by_its_name(file: Path, small: Small) -> None:
    assert await said_of(file) == "No such file or directory"
    assert await said_of(file.parent) == "Is a directory"
    put(file, small.report.encode().replace(b"\n", b"\r\n"))
    assert (await said_of(file)).startswith("line 1 ends with CRLF")
    put(file, small.report.encode().replace(QUESTION.encode(), b"\xff\xfe", 1))
    assert await said_of(file) == "line 1: it is not UTF-8"
    put(file, b"\0" * 10)
    assert (await said_of(file)).startswith("line 1: it is not JSON")


async def test_a_file_that_is_too_large_is_not_read(file: Path) -> None:
    put(file, b"")
    os.truncate(file, 10**11)
    tracemalloc.start()
    try:
        assert await said_of(file) == f"it has more than {BYTES_LIMIT} bytes"
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


async def test_a_line_of_sixty_million_characters_is_refused_at_once(file: Path) -> None:
    put(file, b'{"tape":1,"run":"' + b"x" * 60_000_000)
    tracemalloc.start()
    try:
        assert (await said_of(file)).startswith("it has 60000017 characters")
        # The bytes of the file, and its characters.
        assert tracemalloc.get_traced_memory()[1] < 2.2 * 60_000_000
    finally:
        tracemalloc.stop()


async def test_a_file_without_an_end_is_not_read_for_ever() -> None:
    assert await said_of(Path("/dev/zero")) == f"it has more than {BYTES_LIMIT} bytes"
