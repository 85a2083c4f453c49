"""What a visit writes of its exchanges, and the tape that becomes of it."""

import json
import zlib
from base64 import b64encode
from typing import Any

import pytest

from graph.codec import digest
from graph.packed import append_exchanges, packed

RUN = "3f0e7a52-7c49-4e0b-8a55-2d5d7f0c9a11"
OTHER = "3f9b1c00-0000-4000-8000-000000000000"


def exchange(kind: str, name: str, request: Any, **known: Any) -> dict[str, Any]:
    return {
        "node": "plan",
        "visit": 2,
        "index": None,
        "kind": kind,
        "name": name,
        "digest": digest(request),
        "request": request,
        "response": None,
        "status": "ok",
        "error": None,
        "seconds": 0.0,
        "measured": {},
        **known,
    }


CLOCK = exchange("clock", "now", {}, response="2026-11-24T10:00:00+00:00")
BEGUN = exchange("run", "begun", {"turn": RUN})
CUT_OFF = exchange("memory", "recall", {"focus": []}, status="error", error="CancelledError")
ASKED = exchange(
    "model",
    "orchestrator",
    {
        "model": "m",
        "messages": [
            {"system": "key"},
            "place-0",
            f"{OTHER}:question",
            f"{OTHER}:answer",
            f"{RUN}:question",
            f"{RUN}:plan#1",
            f"{RUN}:tool#1.0",
            f"{RUN}:tool#1.1",
            f"{RUN}:tool#1.1",
            {"human": "key"},
            f"{RUN}:plan#1",
            "7",
            "",
        ],
        "contents": "c",
        "tools": "t",
    },
    response={"message": f"{RUN}:plan#2"},
    seconds=0.1293,
    measured={"input_tokens": 674, "cost_usd": None},
    texts={"key": "You are. é \N{SLEUTH OR SPY}.\n" * 40, "t": "find(query)"},
)
FAILED = exchange(
    "model",
    "orchestrator",
    {"model": "m", "messages": [], "contents": "c", "tools": "t"},
    response={"failure": {"kind": "server"}},
    status="error",
    error="no answer",
    seconds=1.5,
)
ANSWERED = {
    **exchange(
        "tool",
        "find_services",
        {"query": "cart"},
        response={"artifact": f"{RUN}:tool#2.13"},
        measured={"source": "neo4j"},
    ),
    "node": "tool",
    "index": 13,
}
SETUP = exchange("setup", "graph", {}, response={"settings": {"run_cypher": False}, "a": "é"})


def of_call(entry: dict[str, Any], index: int) -> dict[str, Any]:
    return {**entry, "node": "tool", "index": index}


def written(*entries: dict[str, Any], anew: bool = False) -> Any:
    first = entries[0]
    made = packed((first["node"], first["visit"], first["index"]), entries, anew=anew)
    return json.loads(json.dumps(made))


@pytest.mark.parametrize(
    "entries",
    [
        [CLOCK],
        [BEGUN],
        [CUT_OFF],
        [ASKED],
        [FAILED],
        [of_call(BEGUN, 0)],
        [CLOCK, ASKED, CLOCK],
        [SETUP],
        [ANSWERED],
        [{**ANSWERED, "response": {"artifact": f"{OTHER}:tool#2.1"}}],
        [{**ANSWERED, "response": {"artifact": "tool#2.13"}}],
        [{**ANSWERED, "response": None, "status": "error", "measured": {}}],
        [{**ANSWERED, "measured": {"source": "neo4j", "rows": 1}}],
        [{**CLOCK, "seconds": 0.12345}],
    ],
)
def test_what_is_unpacked_equals_what_was_packed(entries: list[dict[str, Any]]) -> None:
    assert append_exchanges([], [written(*entries)]) == entries


def test_what_an_older_version_packed_is_read() -> None:
    text = ASKED["texts"]["key"]
    # As it was: base 64, the setup and a tool's answer in full, seconds as they are.
    compressed = {"key": b64encode(zlib.compress(text.encode())).decode(), "t": ASKED["texts"]["t"]}
    compressed["t"] = b64encode(zlib.compress(compressed["t"].encode())).decode()
    asked = [
        *("model", "orchestrator", {**ASKED["request"]}, ASKED["response"], 0.1293),
        *(ASKED["measured"], compressed),
    ]
    setup = ["setup", "graph", {}, SETUP["response"]]
    answered = [
        *("tool", "find_services", {"query": "cart"}, ANSWERED["response"], 0.0),
        ANSWERED["measured"],
    ]
    assert append_exchanges([], [{"at": ["plan", 2], "kept": [setup, asked]}]) == [SETUP, ASKED]
    assert append_exchanges([], [{"at": ["tool", 2, 13], "kept": [answered]}]) == [ANSWERED]


def test_a_visit_that_exchanged_nothing_adds_nothing() -> None:
    assert append_exchanges([CLOCK], [packed(("respond", 1, None), [], anew=False)]) == [CLOCK]


def test_plain_exchanges_are_appended_as_they_are() -> None:
    assert append_exchanges([CLOCK], [[BEGUN], written(ASKED)]) == [CLOCK, BEGUN, ASKED]


def test_a_message_is_named_once_where_its_turn_is_named_again_and_again() -> None:
    assert json.dumps(written(ASKED)["kept"][0][2]).count(RUN[8:]) == 1


def test_the_tape_that_is_appended_to_stays_as_it_was() -> None:
    state = [CLOCK]
    append_exchanges(state, [written(BEGUN, anew=True)])
    assert state == [CLOCK]


WRITES = [
    written(BEGUN),
    written(CLOCK, ASKED, anew=True),
    [CUT_OFF],
    written(BEGUN, CLOCK, anew=True),
    written(of_call(CLOCK, 0)),
    written(of_call(CLOCK, 1)),
]


@pytest.mark.parametrize("split", range(len(WRITES) + 1))
def test_the_tape_is_the_same_however_its_writes_are_batched(split: int) -> None:
    batched = append_exchanges(append_exchanges([FAILED], WRITES[:split]), WRITES[split:])
    assert batched == [BEGUN, CLOCK, of_call(CLOCK, 0), of_call(CLOCK, 1)]
