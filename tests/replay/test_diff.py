"""`python -m replay diff`: what two runs did differently, and what is another in every run."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import pytest

from graph.errors import UnreadableValue
from graph.runtime import Runtime
from lab.minimax import MiniMaxDouble, Reply, calling
from replay.comparing.contrast import contrast
from replay.file.document import to_text
from replay.recording import Recording, Segment, Step
from replay.running.rerun import rerun
from tests.conftest import OpenRuntime
from tests.replay.commanded import Shell, shell_on
from tests.replay.conftest import recorded
from tests.replay.forking import forked

ORCHESTRATOR = "MiniMax-M3"
QUESTION = "checkout-service is slow. What is wrong?"
CART: tuple[str, dict[str, Any]] = ("find_services", {"query": "cart"})
PRICING: tuple[str, dict[str, Any]] = ("find_services", {"query": "pricing"})
COMPONENT: tuple[str, dict[str, Any]] = ("get_component", {"name": "cart-service"})
WELL = Reply({"content": "All is well [E1]."})


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return shell_on(tmp_path / "state", monkeypatch)


@pytest.fixture
async def quiet(open_lab: OpenRuntime) -> Any:
    """NetForge on the lab without enrichment: a later run finds the memory as the first did."""
    async with open_lab(enrichment=False) as runtime:
        yield runtime


async def scripted(runtime: Runtime, provider: MiniMaxDouble, *replies: Any) -> str:
    """A run in which the orchestrator does just that; its id."""
    provider.queue(ORCHESTRATOR, *replies)
    return str((await runtime.investigate(QUESTION))["turn"]["id"])


def altered(recording: Recording, *replaced: tuple[str, str]) -> Recording:
    """The recording with these texts instead of others, wherever they stand."""
    text = json.dumps(asdict(recording))
    for one, other in replaced:
        assert one in text
        text = text.replace(one, other)
    found = json.loads(text)
    segments = [
        Segment(**{**part, "steps": [Step(**step) for step in part["steps"]]})
        for part in found["segments"]
    ]
    return Recording(found["run"], segments)


async def test_two_live_runs_that_did_the_same_have_no_difference(
    quiet: Runtime, provider: MiniMaxDouble, shell: Shell
) -> None:
    one, other = [await scripted(quiet, provider, calling(CART, COMPONENT), WELL) for _ in "ab"]
    said = await shell.run("diff", one, other)
    assert said.code == 0
    assert "no difference: 8 exchanges, and what came of them" in said.lines
    told = (await shell.run("diff", one, other, "--json")).document
    assert told["same"] is True
    assert told["exchanges"] == []
    assert [entry["name"] for entry in told["outcome"] if entry["counts"]] == []


async def test_a_run_its_file_and_two_reruns_of_it_have_no_difference(
    runtime: Runtime, shell: Shell, tmp_path: Path
) -> None:
    run_id = (await runtime.investigate(QUESTION))["turn"]["id"]
    recording = await recorded(runtime, run_id)
    files = [tmp_path / f"{number}.tape.jsonl" for number in range(2)]
    for file in files:
        verdict, made = await rerun(recording)
        assert verdict.same
        await asyncio.to_thread(file.write_text, to_text(made))
    for one, other in ((run_id, run_id), (run_id, files[0]), (files[0], files[1])):
        said = await shell.run("diff", one, other)
        assert (said.code, said.err) == (0, "")
        assert said.lines[-1].startswith("no difference: ")


async def test_a_fork_that_does_the_same_has_no_difference_from_its_parent(
    quiet: Runtime, provider: MiniMaxDouble, shell: Shell
) -> None:
    run_id = await scripted(quiet, provider, calling(CART), calling(COMPONENT), WELL)
    parent = await recorded(quiet, run_id)
    provider.queue(ORCHESTRATOR, calling(COMPONENT), WELL)
    same = await forked(quiet, parent, "plan#2")
    said = await shell.run("diff", run_id, same.run["run_id"])
    assert said.code == 0, said.out
    provider.queue(ORCHESTRATOR, calling(PRICING), WELL)
    another = await forked(quiet, parent, "plan#2")
    told = (await shell.run("diff", run_id, another.run["run_id"], "--json")).document
    places = [entry["a"] or entry["b"] for entry in told["exchanges"]]
    assert places == ["plan#2", "tool#2.0", "tool#2.0", "plan#3"]


async def test_names_boundary_words_and_times_of_a_run_do_not_count(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    run_id = await scripted(runtime, provider, calling(CART), WELL)
    recording = await recorded(runtime, run_id)
    turn = [*recording.segments[0].states()][-1]["turn"]
    another = altered(
        recording,
        (run_id, "0f6b8b8e-6f0f-4a4e-9f43-2f1f6f0b7a11"),
        (turn["boundary"], "0123456789ab"),
        (turn["asked_at"][:16], "2031-01-02T03:04"),
    )
    found = contrast(recording, another)
    assert (found["exchanges"], found["outcome"], found["same"]) == ([], [], True)


async def test_a_result_that_differs_in_times_alone_is_named_and_does_not_count(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    recording = await recorded(runtime, await scripted(runtime, provider, calling(CART), WELL))
    before = altered(recording, ("name\\tkind", "2026-11-27T03:04:05Z\\tkind"))
    after = altered(recording, ("name\\tkind", "2026-11-28T04:05:06.789+00:00\\tkind"))
    found = contrast(before, after)
    assert (found["same"], found["times"]) == (True, ["tool#1.0"])
    assert contrast(recording, after)["same"] is False


async def test_what_was_done_at_another_step_is_said_to_have_moved(
    quiet: Runtime, provider: MiniMaxDouble, shell: Shell
) -> None:
    one = await scripted(quiet, provider, calling(CART, COMPONENT), WELL)
    other = await scripted(quiet, provider, calling(CART, PRICING), calling(COMPONENT), WELL)
    said = await shell.run("diff", one, other)
    assert said.code == 1
    moved = 'tool#2.0  tool get_component(name="cart-service"): moved from tool#1.1 to tool#2.0'
    assert moved in said.lines
    assert 'tool#1.1  tool find_services(query="pricing"): only in B, ok' in said.lines
    assert "plan#3  model orchestrator: only in B, ok" in said.lines
    [counts] = [line for line in said.lines if line.startswith("8 exchanges in A, 10 in B: ")]
    assert counts.endswith(" 1 moved, 0 only in A, 2 only in B")
    turned = (await shell.run("diff", other, one, "--json")).document
    assert [entry["a"] for entry in turned["exchanges"] if entry["kind"] == "only_a"] == [
        "tool#1.1",
        "plan#3",
    ]


async def test_a_call_with_other_arguments_is_shown_with_both_and_both_results(
    quiet: Runtime, provider: MiniMaxDouble, shell: Shell
) -> None:
    one = await scripted(quiet, provider, calling(CART), WELL)
    other = await scripted(quiet, provider, calling(PRICING), WELL)
    said = await shell.run("diff", one, other)
    assert said.code == 1
    at = said.lines.index(
        'tool#1.0  tool find_services(query="cart"): asked otherwise and answered otherwise'
    )
    assert said.lines[at + 1 : at + 4] == ["  request:", "    -query: cart", "    +query: pricing"]
    found = "\n".join(said.lines[at + 4 :])
    assert "\n    -cart-service Service " in found
    assert "\n    +pricing-service Service " in found


async def test_what_a_model_is_told_is_not_shown_again_where_a_result_differs(
    quiet: Runtime, provider: MiniMaxDouble, shell: Shell
) -> None:
    one = await scripted(quiet, provider, calling(CART), calling(COMPONENT), WELL)
    other = await scripted(quiet, provider, calling(PRICING), calling(COMPONENT), WELL)
    told = (await shell.run("diff", one, other, "--json")).document
    models = {entry["a"]: entry for entry in told["exchanges"] if entry["exchange"] == "model"}
    assert list(models) == ["plan#1", "plan#2", "plan#3"]
    assert models["plan#1"]["answer"] == [
        '-response.calls: find_services(query="cart")',
        '+response.calls: find_services(query="pricing")',
    ]
    for later in ("plan#2", "plan#3"):
        assert models[later]["request"] == []
        assert models[later]["because"] == ["plan#1", "tool#1.0"]


async def test_another_question_is_shown_once(
    quiet: Runtime, provider: MiniMaxDouble, shell: Shell
) -> None:
    one = await scripted(quiet, provider, calling(CART), WELL)
    provider.queue(ORCHESTRATOR, calling(CART), WELL)
    other = (await quiet.investigate("Who owns cart-service?"))["turn"]["id"]
    told = (await shell.run("diff", one, other, "--json")).document
    [first, second] = [entry for entry in told["exchanges"] if entry["exchange"] == "model"]
    assert f"-{QUESTION}" in [line.strip() for line in first["request"]]
    assert (second["request"], second["because"]) == ([], ["question"])


async def test_another_root_cause_and_another_cost_are_told_as_the_outcome(
    runtime: Runtime,
) -> None:
    run_id = (await runtime.investigate(QUESTION))["turn"]["id"]
    recording = await recorded(runtime, run_id)
    cause = recording.run["root_cause"]
    assert cause
    run = {**recording.run, "root_cause": "fraud-service", "status": "failed", "seconds": 99.0}
    found = contrast(recording, Recording(run, recording.segments))
    told = {entry["name"]: entry for entry in found["outcome"]}
    assert set(told) == {"root_cause", "status"}
    assert (told["root_cause"]["a"], told["root_cause"]["b"]) == (cause, "fraud-service")
    assert found["same"] is False
    dearer = altered(recording, ('"visits": 5', '"visits": 6'))
    names = [entry["name"] for entry in contrast(recording, dearer)["outcome"]]
    assert "visits" in names


async def test_seconds_are_told_and_do_not_count(quiet: Runtime, provider: MiniMaxDouble) -> None:
    recording = await recorded(quiet, await scripted(quiet, provider, calling(CART), WELL))
    seconds = [*recording.segments[0].states()][-1]["spent"]["seconds"]
    slower = altered(recording, (f'"seconds": {seconds}', '"seconds": 77.5'))
    found = contrast(recording, slower)
    assert [(entry["name"], entry["b"]) for entry in found["outcome"]] == [("seconds", 77.5)]
    assert found["same"] is True


async def test_other_code_is_told_and_does_not_count_by_itself(
    quiet: Runtime, provider: MiniMaxDouble
) -> None:
    recording = await recorded(quiet, await scripted(quiet, provider, calling(CART), WELL))
    [setup] = [entry for _, entry in recording.exchanges() if entry["kind"] == "setup"]
    code = setup["response"]["made_with"]["code"]
    found = contrast(recording, altered(recording, (code, "0123456789abcdef")))
    assert found["made_with"] == [f"-made_with.code: {code}", "+made_with.code: 0123456789abcdef"]
    assert found["same"] is True


async def test_a_run_of_an_earlier_version_cannot_be_compared(
    quiet: Runtime, provider: MiniMaxDouble
) -> None:
    recording = await recorded(quiet, await scripted(quiet, provider, WELL))
    for _, entry in recording.exchanges():
        cast("dict[str, Any]", entry).pop("measured")
    with pytest.raises(UnreadableValue, match="was recorded by a version that kept too little"):
        contrast(recording, recording)


@pytest.mark.parametrize("place", [0, 1])
async def test_a_run_that_is_not_there_is_trouble(
    quiet: Runtime, provider: MiniMaxDouble, shell: Shell, place: int
) -> None:
    names = [await scripted(quiet, provider, WELL)] * 2
    names[place] = "no-such-run"
    said = await shell.run("diff", *names)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("no run no-such-run is known here")
