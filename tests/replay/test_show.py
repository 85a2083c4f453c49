"""`python -m replay show`: what a run did, step by step."""

import asyncio
import io
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest

from graph.run import Asked
from graph.runtime import Runtime
from lab.faults import Hang, Status
from lab.minimax import MiniMaxDouble, Reply, calling
from replay.__main__ import main
from replay.commands.show import RULE, shown
from replay.recording import Recording, applied
from replay.telling.story import story
from tests.conftest import OpenRuntime
from tests.replay.commanded import Shell, shell_on
from tests.replay.conftest import recorded
from tests.replay.forking import forked

ORCHESTRATOR = "MiniMax-M3"
QUESTION = "checkout-service is slow. What is wrong?"
FIND: tuple[str, dict[str, Any]] = ("find_services", {"query": "cart"})
SPOILED: tuple[str, dict[str, Any]] = ("find_services", {"limit": "many"})
KNOWN = Reply({"content": "cart-service is well [E1].\nNothing is to be done."})


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return shell_on(tmp_path / "state", monkeypatch)


async def scripted(runtime: Runtime, provider: MiniMaxDouble, *replies: Any) -> str:
    """A run in which the orchestrator does just that; its id."""
    provider.queue(ORCHESTRATOR, *replies)
    run_id = str((await runtime.investigate(QUESTION))["turn"]["id"])
    await runtime.enrichment(run_id)
    return run_id


async def test_steps_are_told_in_their_order_and_the_enrichment_below_a_rule(
    runtime: Runtime, provider: MiniMaxDouble, shell: Shell
) -> None:
    run_id = await scripted(runtime, provider, calling(FIND, ("list_teams", {})), KNOWN)
    said = await shell.run("show", run_id)
    assert (said.code, said.err) == (0, "")
    assert max(map(len, said.lines)) <= 100
    assert said.lines[:2] == [f"run {run_id}", f"question    {QUESTION}"]
    steps = [
        line.split("  ")[0] for line in said.lines if line.partition("#")[1] and line[0] != " "
    ]
    assert steps == ["plan#1", "tool#1", "plan#2", "respond#1", "enrich#1"]
    told = {line.split()[0]: line for line in said.lines if line and line[0] != " "}
    assert told["plan#1"].endswith("→ tool x2")
    assert told["tool#1"].endswith("2 side by side  → plan")
    assert told["respond#1"].endswith("→ end")
    rule, answered = said.lines.index(RULE), said.lines.index(told["answered"])
    assert said.lines[answered + 1 : answered + 3] == [
        "  cart-service is well [E1].",
        "  Nothing is to be done.",
    ]
    assert answered < rule < said.lines.index(told["enrich#1"])
    assert said.lines[rule:].index(told["receipt"]) > 0


async def test_a_call_is_told_with_its_arguments_time_and_result(
    runtime: Runtime, provider: MiniMaxDouble, shell: Shell
) -> None:
    run_id = await scripted(runtime, provider, calling(FIND, FIND, SPOILED), KNOWN)
    said = await shell.run("show", run_id)
    [found] = [line for line in said.lines if "tool#1.0 find" in line]
    assert found.split()[0] == "ok"
    assert found.endswith(' s  tool#1.0 find_services(query="cart") → E1 1 of 1 from neo4j')
    [again] = [line for line in said.lines if line.startswith("  not run")]
    assert (
        again
        == "  not run   tool#1.1 find_services: repeats E1 of this step, not run again; see there"
    )
    [spoiled] = [line for line in said.lines if "tool#1.2 find" in line]
    assert spoiled.split()[0] == "error"
    reason = said.lines[said.lines.index(spoiled) + 1]
    assert reason.lstrip().startswith("error: argument limit: ")
    assert "evidence +2 (E1, E2)" in said.out
    assert "messages +3 (tool#1.0, tool#1.1, tool#1.2)" in said.out


async def test_attempts_that_failed_before_an_answer_are_told_with_their_errors(
    runtime: Runtime, provider: MiniMaxDouble, shell: Shell
) -> None:
    run_id = await scripted(runtime, provider, Status(503, "overloaded"), KNOWN)
    said = await shell.run("show", run_id)
    [attempt] = [line.strip() for line in said.lines if line.strip().startswith("attempt")]
    said_of_it = r"attempt 1 failed after \d+\.\d+ s: minimax/MiniMax-M3: provider \(1 attempt\):"
    assert re.match(said_of_it, attempt)
    [receipt] = [line for line in said.lines if line.startswith("receipt")]
    assert receipt == "receipt     skipped; because no evidence was gathered"
    assert RULE in said.lines


async def test_a_provider_that_fails_for_good_is_told_as_a_failed_run(
    runtime: Runtime, provider: MiniMaxDouble, shell: Shell
) -> None:
    run_id = await scripted(runtime, provider, Status(401, "bad key"))
    said = await shell.run("show", run_id)
    assert "status      failed" in said.lines
    [failed] = [line for line in said.lines if line.startswith("failed after ")]
    assert ": minimax/MiniMax-M3: authentication (1 attempt)" in failed
    [error] = [line for line in said.lines if line.strip().startswith("error: minimax")]
    assert error


async def test_a_cancelled_run_says_so_where_it_was_cancelled(
    runtime: Runtime, provider: MiniMaxDouble, shell: Shell
) -> None:
    provider.queue(ORCHESTRATOR, calling(FIND), Hang())
    run, _ = await runtime.submit(Asked(QUESTION, str(uuid4()), "t"))
    await provider.wait_for(ORCHESTRATOR, 2)
    await runtime.turns.cancel(run["run_id"])
    said = await shell.run("show", run["run_id"])
    [recorded_] = [line for line in said.lines if line.startswith("--- ")]
    assert recorded_.startswith("--- recorded: it was cancelled (")
    assert [line for line in said.lines if line.startswith("cancelled after ")]
    assert RULE not in said.lines


async def test_a_run_that_was_broken_off_says_what_comes_next(
    open_lab: OpenRuntime, provider: MiniMaxDouble, shell: Shell
) -> None:
    async with open_lab() as runtime:
        provider.queue(ORCHESTRATOR, calling(FIND), Hang())
        run, _ = await runtime.submit(Asked(QUESTION, str(uuid4()), "t"))
        await provider.wait_for(ORCHESTRATOR, 2)
    said = await shell.run("show", run["run_id"])
    assert said.lines[-1].startswith("not ended: broken off, or still at work after ")
    assert said.lines[-1].endswith("; next is plan")


async def test_a_run_that_never_began_says_so(runtime: Runtime, shell: Shell) -> None:
    await runtime.runs.add(Asked(QUESTION, "run-1", "t"))
    said = await shell.run("show", "run-1")
    assert said.code == 0
    assert said.lines[-1] == "it never began: nothing of it was kept but the question"


async def test_json_holds_the_exchanges_and_the_changes_that_make_the_last_state(
    runtime: Runtime, provider: MiniMaxDouble, shell: Shell
) -> None:
    run_id = await scripted(runtime, provider, calling(FIND), KNOWN)
    recording = await recorded(runtime, run_id)
    told = (await shell.run("show", run_id, "--json")).document
    for part, segment in zip(told["parts"], recording.segments, strict=True):
        state = dict(part["start"])
        for step in part["steps"]:
            state = applied(state, step["changes"])
        whole = [*segment.states()][-1]
        assert {**state, "exchanges": whole["exchanges"]} == whole
        kept = [entry for step in part["steps"] for entry in step["exchanges"]]
        assert [{**entry, "address": None} for entry in kept] == [
            {**entry, "address": None} for entry in segment.exchanges
        ]
    assert told["setup"]["settings"]["orchestrator_model"] == "minimax/MiniMax-M3"
    assert told["answer"].startswith("cart-service is well")


async def test_an_edit_from_outside_is_told_with_what_it_changed(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    recording = await recorded(runtime, await scripted(runtime, provider, calling(FIND), KNOWN))
    [turn, enrichment] = recording.segments
    before = [*turn.states()][2]
    start = {**before, "focus": ["cart-service"], "evidence": []}
    parts = [
        replace(turn, steps=turn.steps[:2]),
        replace(turn, start=start, steps=turn.steps[2:], following=["plan"], at=turn.steps[1].at),
    ]
    told = story(Recording(recording.run, [*parts, enrichment]))
    assert [bool(part["edit"]) for part in told["parts"]] == [False, True, False]
    [line] = [line for line in shown(told) if line.startswith("--- edited from outside")]
    assert line.endswith(": evidence: 1 replaced; set focus ---")


async def test_a_fork_says_where_it_was_taken_from_and_what_it_took_over(
    runtime: Runtime, provider: MiniMaxDouble, shell: Shell
) -> None:
    run_id = await scripted(runtime, provider, calling(FIND), KNOWN)
    provider.queue(ORCHESTRATOR, KNOWN)
    fork = await forked(runtime, await recorded(runtime, run_id), "plan#2")
    said = await shell.run("show", fork.run["run_id"])
    assert f"forked      from run {run_id} at plan#2" in said.lines
    assert said.lines.index("--- 8 exchanges before this were taken over ---") < min(
        place for place, line in enumerate(said.lines) if line.startswith("plan#2")
    )
    assert not [line for line in said.lines if line.startswith(("plan#1", "tool#1"))]


async def test_a_run_of_an_earlier_version_is_told_as_far_as_it_was_kept(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    recording = await recorded(runtime, await scripted(runtime, provider, calling(FIND), KNOWN))
    [turn, enrichment] = recording.segments
    for entry in [entry for entry in turn.exchanges if entry["kind"] == "tool"]:
        entry["response"] = {"message": entry["response"]["artifact"]}
    for entry in [*turn.exchanges, *enrichment.exchanges]:
        cast("dict[str, Any]", entry).pop("measured")
        if entry["kind"] == "setup":
            entry["response"] = None
    for step in enrichment.steps:
        del step.changes["enrichment"]["value"]["superseded_by"]
    lines = [*shown(story(recording))]
    [found] = [line for line in lines if "tool#1.0 find" in line]
    assert found.endswith("→ E1 1 of 1 from neo4j")
    assert [line for line in lines if line.startswith("receipt     ")]
    assert not [line for line in lines if line.startswith("code ")]


async def test_a_terminal_without_unicode_still_shows_the_rest(
    runtime: Runtime, provider: MiniMaxDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await scripted(runtime, provider, KNOWN)
    written = io.BytesIO()
    monkeypatch.setenv("STATE_DIR", str(runtime.settings.state_dir))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert await asyncio.to_thread(main, ["show", run_id]) == 0
    sys.stdout.flush()
    assert "\nplan#1  " in written.getvalue().decode("ascii")


async def test_what_a_model_says_cannot_steer_the_terminal(
    runtime: Runtime, provider: MiniMaxDouble, shell: Shell
) -> None:
    answer = Reply({"content": "All\x1b[31m is\x07 well.\u202e\x9b2J"})
    run_id = await scripted(runtime, provider, answer)
    said = await shell.run("show", run_id)
    assert "  All [31m is  well. 2J" in said.lines
    told = (await shell.run("show", run_id, "--json")).document
    assert told["answer"] == "All\x1b[31m is\x07 well.\u202e\x9b2J"


async def test_an_exported_file_is_told_as_the_run_is(
    runtime: Runtime, provider: MiniMaxDouble, shell: Shell, tmp_path: Path
) -> None:
    run_id = await scripted(runtime, provider, calling(FIND), KNOWN)
    file = tmp_path / "one.tape.jsonl"
    exported = await shell.run("export", run_id)
    await asyncio.to_thread(file.write_text, exported.out)
    assert (await shell.run("show", file)).out == (await shell.run("show", run_id)).out


@pytest.mark.parametrize("name", ["no-such-run", "no/such.tape.jsonl"])
async def test_a_run_that_is_not_there_is_one_line(
    runtime: Runtime, shell: Shell, name: str
) -> None:
    assert runtime
    said = await shell.run("show", name)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert name in said.err
