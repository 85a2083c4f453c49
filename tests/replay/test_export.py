"""An exported file: without secrets, and apart from them what was recorded, the same each time."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from graph.errors import UnreadableValue
from graph.runtime import Runtime
from lab.minimax import MiniMaxDouble, Reply, calling
from replay.export import METADATA, ExportRefused, exported
from replay.file.document import from_text, to_text
from replay.recording import Recording
from replay.running.rerun import rerun
from tests.graph.test_redaction import PLANTED
from tests.replay.conftest import recorded
from tests.replay.mutations import at_path, paths
from tests.replay.small import CONCLUDE, Small

ORCHESTRATOR = "MiniMax-M3"
WORDS = (
    *("success", "stored", "pending", "enrich", "orchestrator", "messages", "content"),
    *("question", "status", "exchanges", "turn_id", "tool_call", "message", "in_full"),
    *("evidence", "find_services", "neo4j-"),
)
"""What files are full of: as secrets they are none."""


async def of_question(runtime: Runtime, question: str) -> Recording:
    state = await runtime.investigate(question)
    return await recorded(runtime, state["turn"]["id"])


def begun_with(recording: Recording, **channels: Any) -> Recording:
    first, *rest = recording.segments
    return replace(recording, segments=[replace(first, start={**first.start, **channels}), *rest])


def references(text: str) -> dict[str, int]:
    """How often each id is there, as a whole value."""
    counts: dict[str, int] = {}
    names = ("id", "run_id", "turn_id", "thread_id", "message_id", "message", "artifact")
    for line in text.split("\n")[:-2]:
        value = json.loads(line)
        for path in paths(value):
            found = at_path(value, path)
            if path and path[-1] in names and isinstance(found, str):
                counts[found] = counts.get(found, 0) + 1
    return counts


@pytest.mark.parametrize(("typed", "secret"), PLANTED.values(), ids=PLANTED)
async def test_a_secret_leaves_in_no_file_that_was_typed_or_given_to_a_tool(
    typed: str, secret: str, runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(
        ORCHESTRATOR,
        calling(("find_services", {"query": typed}), ("get_component", {"name": "cart-service"})),
        calling(CONCLUDE),
    )
    recording = await of_question(runtime, f"Is this the reason?\n{typed}\nOr what?")
    assert secret in to_text(recording) or "\n" in typed or '"' in typed
    text = await exported(recording)
    for spelled in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]):
        assert spelled not in text
    assert "[redacted: " in text
    verdict, _ = await rerun(from_text(text))
    assert (verdict.kind, verdict.lines) == ("same", ())
    assert await exported(from_text(text)) == text
    assert references(text) == references(to_text(recording))


async def test_what_holds_no_secret_is_exported_as_it_is(small: Small) -> None:
    for text in small.all:
        assert await exported(from_text(text)) == text


async def test_a_run_exported_twice_gives_the_same_text(runtime: Runtime) -> None:
    recording = await of_question(runtime, "checkout-service is slow, password=pl4nted-pw. Why?")
    text = await exported(recording)
    assert await exported(recording) == text
    assert await exported(from_text(text)) == text
    again = await recorded(runtime, recording.run_id)
    assert await exported(again) == text


async def test_names_that_speak_of_tokens_are_no_secrets(small: Small) -> None:
    text = await exported(from_text(small.report))
    for name in (*METADATA, "input_tokens", "output_token_details", "tool_max_tokens"):
        assert f'"{name}":' in text
    assert "[redacted: " not in text


async def test_metadata_is_no_place_to_hide_a_secret_in(small: Small) -> None:
    hidden = {
        "password": "pl4nted-pw",
        "note": "AKIAQYLPMN5HHHFPZAM2",
        "pin_token": {"a": "x1y2z3"},
    }
    alert = {"usage_metadata": hidden, "response_metadata": {"deep": [hidden]}}
    recording = from_text(small.report)
    turn, *rest = recording.segments
    steps = [replace(step, changes=_alerted(step.changes, alert)) for step in turn.steps]
    turn = replace(turn, start={**turn.start, "alert": alert}, steps=steps)
    # It was asked without, so what was asked is made anew first.
    _, made = await rerun(replace(recording, segments=[turn, *rest]), accept=True)
    assert "pl4nted-pw" in to_text(made)
    text = await exported(made)
    for secret in ("pl4nted-pw", "AKIAQYLPMN5HHHFPZAM2", "x1y2z3"):
        assert secret not in text


def _alerted(changes: Any, alert: Any) -> Any:
    turn = changes.get("turn")
    if turn is None:
        return changes
    return {**changes, "turn": {"value": {**turn["value"], "alert": alert}}}


@pytest.mark.parametrize("word", WORDS)
async def test_a_word_that_files_are_full_of_does_not_break_them(
    word: str, runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, calling(("find_services", {"query": "cart"})), calling(CONCLUDE))
    recording = await of_question(
        runtime, f"The log says password={word} again. Is cart-service well?"
    )
    text = await exported(recording)
    assert f"password={word}" not in text
    verdict, _ = await rerun(from_text(text))
    assert verdict.same
    assert references(text).keys() == references(to_text(recording)).keys()


async def test_a_thread_that_is_called_like_a_secret_is_called_otherwise_everywhere(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, Reply({"content": "All is well."}))
    state = await runtime.investigate("Is all well?", thread_id="token=pl4nted-thread")
    text = await exported(await recorded(runtime, state["turn"]["id"]))
    assert "pl4nted-thread" not in text
    recording = from_text(text)
    turn = list(recording.segments[0].states())[-1]["turn"]
    assert turn["thread_id"] == recording.run["thread_id"] == "token=[redacted: by its name]"
    assert (await rerun(recording))[0].same


async def test_a_secret_that_cannot_be_taken_out_is_a_reason_not_to_export(small: Small) -> None:
    recording = from_text(small.report)
    [question] = recording.segments[0].start["messages"]
    secret = {**question, "content": "AKIAQYLPMN5HHHFPZAM2"}
    with pytest.raises(ExportRefused, match=r"^not exported: .*diverged at plan#1"):
        await exported(begun_with(recording, messages=[secret]))


async def test_so_many_secrets_that_no_file_has_are_a_reason_too(small: Small) -> None:
    recording = from_text(small.report)
    [question] = recording.segments[0].start["messages"]
    many = "\n".join(f"password=pl4nted{number}" for number in range(3000))
    earlier = {"content": many, "type": "human", "id": "h0"}
    with pytest.raises(ExportRefused, match=r"it holds \d+ texts that look like"):
        await exported(begun_with(recording, messages=[earlier, question]))


async def test_a_run_that_never_began_is_exported_too(small: Small) -> None:
    recording = replace(from_text(small.report), segments=[])
    text = await exported(recording)
    assert from_text(text) == recording
    with pytest.raises(UnreadableValue, match="it never began"):
        await rerun(from_text(text))


async def test_exports_side_by_side_do_not_mix(runtime: Runtime) -> None:
    recordings = [
        await of_question(runtime, f"Is cart-service well? password=pl4nted-{number}")
        for number in range(3)
    ]
    alone = [await exported(recording) for recording in recordings]
    assert list(await asyncio.gather(*map(exported, recordings))) == alone
