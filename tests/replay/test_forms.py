"""A file that somebody edited and sealed again: every value must have the form of its place."""

import json
import re
from collections.abc import Callable
from typing import Any, get_type_hints

import pytest

from graph.codec import digest
from replay.file.document import UnreadableRecording, from_text
from replay.file.schema import KeptRun
from replay.recording import KEPT
from tests.replay.mutations import at_path, body_of, paths, seal, with_value, without_value
from tests.replay.small import Small

FREE = ("args", "data", "alert", "additional_kwargs", "response_metadata", "usage_metadata")
"""Names under which other names, or any JSON, may stand."""
MAPS = ("visits", "budgets", "prompts", "packages", "texts", "unanswered")
"""Names of objects whose names are not always the same."""
OPTIONAL = ("name", "tool_calls", "texts", *FREE)
"""Names that a message or an exchange may lack."""
ADDED = ("hints", "unused_hints", "baselines", "memory")
"""Names that older recordings lack."""
Lines = list[Any]


def lines_of(small: Small) -> Lines:
    return [json.loads(line) for line in body_of(small.report).split("\n")[:-1]]


def sealed(lines: Lines) -> str:
    written = [json.dumps(line, separators=(",", ":"), ensure_ascii=False) for line in lines]
    return seal("".join(f"{line}\n" for line in written))


def refusal(lines: Lines) -> str | None:
    """Why the file is refused; None when it is read."""
    try:
        from_text(sealed(lines))
    except UnreadableRecording as error:
        return str(error)
    return None


def read_all_the_same(small: Small, edit: Callable[[Any, Any], Any]) -> list[Any]:
    """The places of typed values that may be edited so.

    A refusal tells the line or one after, or what refers to the message that is missing now.
    """
    found = []
    for place, line in enumerate(lines_of(small)):
        for path in paths(line):
            lines = lines_of(small)
            if not path or any(name in FREE for name in path) or line.get("start") == "alert":
                continue
            if (edited := edit(lines[place], path)) is None:
                continue
            lines[place] = edited
            said = refusal(lines)
            if said is None:
                found.append((place, *path))
            elif "message '" not in said and (told := re.match(r"line (\d+)", said)):
                assert int(told[1]) > place, said
    return found


def of_another_type(line: Any, path: Any) -> Any:
    old = at_path(line, path)
    wrong = {"wrong": ["type"]} if not isinstance(old, dict) else "wrong type"
    return with_value(line, path, wrong)


def test_no_place_takes_a_value_of_another_type(small: Small) -> None:
    assert read_all_the_same(small, of_another_type) == []


def test_no_object_takes_another_name(small: Small) -> None:
    def edit(line: Any, path: Any) -> Any:
        old = at_path(line, path)
        extra = {"extra": {"wrong": True}}
        return with_value(line, path, {**old, **extra}) if isinstance(old, dict) else None

    assert read_all_the_same(small, edit) == []


def test_no_object_lacks_a_name_that_belongs_to_it(small: Small) -> None:
    lines, lacking = lines_of(small), set()
    for place, *path in read_all_the_same(small, without_value):
        head = lines[place].get("start", lines[place].get("change"))
        if head not in MAPS and not {*MAPS, "artifact"} & {*path[:-1]}:
            lacking |= {path[-1]} if isinstance(path[-1], str) else set()
    assert lacking <= {*OPTIONAL, *ADDED}


def test_a_number_is_not_taken_for_another_kind_of_number(small: Small) -> None:
    def edit(line: Any, path: Any) -> Any:
        old = at_path(line, path)
        if type(old) is int:
            return with_value(line, path, bool(old))
        return with_value(line, path, str(old)) if type(old) is float else None

    assert read_all_the_same(small, edit) == []


def test_every_column_of_a_run_that_is_kept_has_a_form() -> None:
    assert set(get_type_hints(KeptRun)) == set(KEPT)


def place_of(lines: Lines, **known: Any) -> int:
    """Where the first line is that has these values, of itself or of its entry."""
    for place, line in enumerate(lines):
        values = {**line, **line["entry"]} if isinstance(line.get("entry"), dict) else line
        if all(values.get(name) == value for name, value in known.items()):
            return place
    raise AssertionError(f"no line has {known}")


def exchange(lines: Lines, kind: str, name: str) -> Any:
    return lines[place_of(lines, kind=kind, name=name)]["entry"]


def respond(kind: str, name: str, response: Any) -> Callable[[Lines], None]:
    def edit(lines: Lines) -> None:
        exchange(lines, kind, name)["response"] = response

    return edit


def change(value: Any, *path: Any, **known: Any) -> Callable[[Lines], None]:
    def edit(lines: Lines) -> None:
        place = place_of(lines, **known)
        lines[place] = with_value(lines[place], path, value)

    return edit


def ask(kind: str, name: str, request: Any) -> Callable[[Lines], None]:
    """Another request, with the digest that fits it."""

    def edit(lines: Lines) -> None:
        entry = exchange(lines, kind, name)
        entry["request"], entry["digest"] = request, digest(request)

    return edit


def settings(**changed: Any) -> Callable[[Lines], None]:
    def edit(lines: Lines) -> None:
        exchange(lines, "setup", "graph")["response"]["settings"] |= changed

    return edit


def same_id(lines: Lines) -> None:
    first, other = place_of(lines, type="ai"), place_of(lines, type="tool")
    lines[other]["entry"]["id"] = lines[first]["entry"]["id"]


def twice(lines: Lines) -> None:
    place = place_of(lines, start="alert")
    lines.insert(place, lines[place])


def turn_after_enrichment(lines: Lines) -> None:
    lines[place_of(lines, segment="turn")]["segment"] = "enrichment"
    lines[place_of(lines[2:], segment="enrichment") + 2]["segment"] = "turn"


def many_steps(lines: Lines) -> None:
    head = {"segment": "turn", "following": [], "at": ""}
    lines[1:1] = [head] * 1001


def many_calls(lines: Lines) -> None:
    message = lines[place_of(lines, type="ai")]["entry"]
    message["tool_calls"] = message["tool_calls"] * 600


def long_text_that_calls_repeat(lines: Lines) -> None:
    message = lines[place_of(lines, type="ai")]["entry"]
    message["tool_calls"] = message["tool_calls"] * 400
    lines[place_of(lines, type="tool")]["entry"]["content"] = "x" * 300_000


def long_complaint_that_calls_repeat(lines: Lines) -> None:
    message = lines[place_of(lines, type="ai")]["entry"]
    message["tool_calls"] = message["tool_calls"] * 400
    message["invalid_tool_calls"] = [
        {"type": "invalid_tool_call", "name": "x", "args": "", "id": "c", "error": "x" * 300_000}
    ]


def many_values_in_a_call(lines: Lines) -> None:
    lines[place_of(lines, type="ai")]["entry"]["tool_calls"][0]["args"] = {"a": [0] * 100_001}


def long_answer_that_exchanges_repeat(lines: Lines) -> None:
    """A hundred exchanges answer with one result of fifty thousand values."""
    named = exchange(lines, "tool", "find_services")["response"]["artifact"]
    lines[place_of(lines, id=named)]["entry"]["artifact"]["data"] = [0] * 50_000
    place = place_of(lines, kind="tool", name="find_services")
    head = max(number for number in range(place) if "change" in lines[number])
    lines[head]["list"] += 99
    lines[place:place] = [lines[place]] * 99


def many_entries_in_a_report(lines: Lines) -> None:
    for line in lines:
        if line.get("change") == "report" and line["value"]:
            line["value"]["open_questions"] = ["Why?"] * 10_001


def message_for(kind: str, name: str, key: str, of: str) -> Callable[[Lines], None]:
    """The answer refers to the first message of that type instead."""

    def edit(lines: Lines) -> None:
        named = lines[place_of(lines, type=of)]["entry"]["id"]
        exchange(lines, kind, name)["response"] = {key: named}

    return edit


def no_result(lines: Lines) -> None:
    lines[place_of(lines, type="tool")]["entry"]["artifact"] = {"status": "ok"}


def other_text(lines: Lines) -> None:
    texts = exchange(lines, "model", "orchestrator")["texts"]
    texts[next(iter(texts))] = "Do as I say."


TOO_LONG = "x" * 1001
ANSWER = {"type": "ai", "content": ""}
CALL = {"type": "tool_call", "id": "c", "name": "find_services", "args": {}}
WRONG: dict[str, tuple[Callable[[Lines], None], str]] = {
    "a channel that is not there": (change("extra", "start", start="alert"), "no channel 'extra'"),
    "a list where a value belongs": (
        lambda lines: lines.insert(2, {"start": "turn", "list": 0}),
        "channel turn holds no list",
    ),
    "a value where a list belongs": (
        lambda lines: lines.insert(2, {"start": "recalled", "value": None}),
        "channel recalled: it holds a list",
    ),
    "a channel twice": (twice, "is not one that can stand there"),
    "a node that is not there": (change(["os"], "following", segment="turn"), "no node 'os'"),
    "1,001 nodes at once": (change(["tool"] * 1001, "following", segment="turn"), "1001 nodes"),
    "an address without a number": (change(["plan"], "step", step=["plan#1"]), "not the address"),
    "an address of no node": (change(["os#1"], "step", step=["plan#1"]), "not the address"),
    "a visit of another node": (change(["respond#1"], "step", step=["plan#1"]), "were to follow"),
    "no visits": (change([], "step", step=["plan#1"]), "not of the nodes that were to follow"),
    "more kept than there was": (change(9, "keep", change="evidence"), "more entries than"),
    "less than nothing kept": (change(-1, "keep", change="evidence"), "can stand there"),
    "a list of another length": (change(10**9, "list", change="evidence"), "can stand there"),
    "a time that is none": (change("now", "at", segment="turn"), "'now' is not a time in ISO"),
    "a time without a zone": (change("2026-01-01T00:00:00", "at", segment="turn"), "not a time"),
    "a turn after its enrichment": (turn_after_enrichment, "can stand there"),
    "a thousand segments": (many_steps, "1000 steps are the most"),
    "an id twice": (same_id, "two messages have the id"),
    "a long id": (change(TOO_LONG, "entry", "id", type="human"), "id has 1001 characters"),
    "1,200 calls at once": (many_calls, "makes 1200 calls at once"),
    "a long text that calls repeat": (long_text_that_calls_repeat, "makes 800 calls at once, and"),
    "a long complaint of calls": (long_complaint_that_calls_repeat, "makes 800 calls at once, and"),
    "a call of 100,000 values": (many_values_in_a_call, "a model makes calls with 10"),
    "calls where a provider puts them": (
        change(
            {"tool_calls": [{"function": {"name": "x", "arguments": a}} for a in ("{", "{}")]},
            "entry",
            "additional_kwargs",
            type="ai",
            tool_calls=None,
        ),
        "not in the form in which it is written",
    ),
    "1,200 calls at once in full": (
        respond("model", "orchestrator", {"in_full": {**ANSWER, "tool_calls": [CALL] * 1200}}),
        "makes 1200 calls at once",
    ),
    "a long answer of many exchanges": (long_answer_that_exchanges_repeat, "5000000 is the most"),
    "a report of 10,001 questions": (many_entries_in_a_report, "open_questions has 10001 entries"),
    "10,001 sources": (settings(sources=["aws"] * 10_001), "the setup: sources has 10001 entries"),
    "a run whose id holds a NUL": (change("a\0b", "run", "run_id", tape=1), "no database takes"),
    "a run asked at no time": (change("x", "run", "asked_at", tape=1), "'x' is not a time"),
    "a run of another status": (change("lost", "run", "status", tape=1), "the run: status: Input"),
    "another text than its digest says": (other_text, "is another text's"),
    "another request than its digest says": (
        lambda lines: exchange(lines, "clock", "now").update(request={"zone": "UTC"}),
        "its digest is another request's",
    ),
    "an exchange of no node": (
        lambda lines: exchange(lines, "clock", "now").update(node="os"),
        "its address is none",
    ),
    "an exchange before the first visit": (
        lambda lines: exchange(lines, "clock", "now").update(visit=-1),
        "the exchange clock now: its address is none",
    ),
    "an exchange of a call outside of the tools": (
        lambda lines: exchange(lines, "clock", "now").update(index=0),
        "the exchange clock now: its address is none",
    ),
    "an exchange of a tool and no call": (
        lambda lines: exchange(lines, "tool", "find_services").update(index=None),
        "find_services: its address is none",
    ),
    "an exchange before the first call": (
        lambda lines: exchange(lines, "tool", "find_services").update(index=-1),
        "find_services: its address is none",
    ),
    "an exchange of no such name": (
        lambda lines: exchange(lines, "clock", "now").update(name="sleep"),
        "the exchange clock sleep: no node has it",
    ),
    "a clock that tells no time": (respond("clock", "now", "soon"), "'soon' is not a time"),
    "a clock that tells nothing": (respond("clock", "now", None), "now: response: Input should"),
    "an identity without a word": (respond("identity", "run", {"run_id": "r"}), "Field required"),
    "a long boundary word": (
        respond("identity", "run", {"run_id": "r", "thread_id": "t", "boundary": TOO_LONG}),
        "boundary has 1001 characters",
    ),
    "a setup without its code": (respond("setup", "graph", {"settings": {}}), "the setup: "),
    "a setting that is not there": (settings(shell="sh"), "shell: Extra inputs"),
    "a setting of another type": (settings(sources=["os"]), "the setup: settings.sources.0: Inp"),
    "a setting below nothing": (settings(tool_max_tokens=-1), "tool_max_tokens=-1 is not a"),
    "a setting that no clock counts": (settings(turn_max_seconds=1e300), "is not a setting that"),
    "a memory that is no list": (respond("memory", "recall", {}), "recall: response: Input should"),
    "a receipt that is none": (respond("detach", "hand_over", {"status": "ok"}), "response: "),
    "a row that answers": (respond("run", "begun", {}), "begun: response: Input should be None"),
    "a tool that fails without a word": (
        lambda lines: exchange(lines, "tool", "find_services").update(
            response=None, status="error", error=None, measured={}
        ),
        "the exchange tool find_services: error: Input should be a valid string",
    ),
    "a tool without an artifact": (respond("tool", "find_services", {}), "artifact: Field requ"),
    "a tool whose result is not there": (
        respond("tool", "find_services", {"artifact": "elsewhere"}),
        "there is no message 'elsewhere' of type tool",
    ),
    "a tool whose result is a question": (
        message_for("tool", "find_services", "artifact", "human"),
        "of type tool",
    ),
    "a tool whose result is none": (no_result, "holds no result: Field required"),
    "a model whose answer is not there": (
        respond("model", "orchestrator", {"message": "elsewhere"}),
        "there is no message 'elsewhere' of type ai",
    ),
    "a model whose answer is a result": (
        message_for("model", "orchestrator", "message", "tool"),
        "of type ai",
    ),
    "a model that answers with a question": (
        respond("model", "orchestrator", {"in_full": {"type": "human", "content": "x"}}),
        "a model answers with another's message",
    ),
    "a model that answers with an object of langchain": (
        respond("model", "orchestrator", {"in_full": {"lc": 1, "type": "constructor", "id": []}}),
        "is not a message of ours",
    ),
    "a model that fails in no known way": (
        respond("model", "orchestrator", {"failure": {"kind": "os"}}),
        "the exchange model orchestrator: response: ",
    ),
    "a model that is asked with two digests": (
        ask(
            "model",
            "orchestrator",
            {
                "model": "m",
                "messages": [{"system": "a", "human": "b"}],
                "contents": "",
                "tools": "",
            },
        ),
        "orchestrator: request: messages.0",
    ),
    "a model that is asked by a number": (
        ask("model", "orchestrator", {"model": 5, "messages": [], "contents": "", "tools": ""}),
        "orchestrator: request: model: Input should be a valid string",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_file_is_refused_that_holds(kind: str, small: Small) -> None:
    edit, said = WRONG[kind]
    lines = lines_of(small)
    edit(lines)
    with pytest.raises(UnreadableRecording) as refused:
        from_text(sealed(lines))
    assert said in str(refused.value)
    assert str(refused.value).startswith("line ")
