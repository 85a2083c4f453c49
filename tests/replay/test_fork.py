"""A fork goes on live from a step of a run, asks nothing again, and leaves its parent alone."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from graph.codec import canonical, digest, encode_state
from graph.run import Asked
from graph.runtime import Runtime, open_runtime
from lab.aws import AwsDouble
from lab.datadog import DatadogDouble
from lab.minimax import MiniMaxDouble, Reply, calling
from replay.export import exported
from replay.file.document import from_text
from replay.recording import Recording, Step
from replay.running.rerun import rerun
from tests.conftest import MakeSettings, OpenRuntime
from tests.replay.conftest import ended, recorded
from tests.replay.forking import ORCHESTRATOR, SLOW, Wire, forked, left_behind, steps

FIND: tuple[str, dict[str, Any]] = ("find_services", {"query": "cart"})
LONG_S = 86_400.0
WELL = Reply({"content": "All is well [E1]."})


class Marks:
    """How much had arrived when the orchestrator was asked: once, twice, and so on."""

    def __init__(self, wire: Wire) -> None:
        self.counts: list[list[int]] = []
        answer = wire.provider.policy

        def policy(body: dict[str, Any]) -> dict[str, Any]:
            if body["model"] == ORCHESTRATOR:
                self.counts.append(wire.counted())
            return answer(body)

        wire.provider.policy = policy


def left(parent: Recording, at: str) -> Iterator[str]:
    """The steps from that one on."""
    names = [step.name for step in steps(parent)]
    return iter(names[names.index(at) :])


async def test_a_fork_at_every_step_ends_and_asks_for_nothing_before_it_again(
    open_lab: OpenRuntime,
    reach: dict[str, Any],
    provider: MiniMaxDouble,
    datadog_double: DatadogDouble,
    aws_double: AwsDouble,
) -> None:
    wire = Wire(provider, datadog_double, aws_double)
    marks = Marks(wire)
    # With it a fork would know what its parent was about, and ask for less.
    async with open_lab(**reach, memory=False) as runtime:
        run_id = await ended(runtime, Asked(SLOW, _id(1), "t"))
        parent = await recorded(runtime, run_id)
        whole = wire.counted()
        asked_before = {f"plan#{n}": count for n, count in enumerate(marks.counts, 1)}
        kept = await left_behind(runtime, parent)
        names = [step.name for step in steps(parent)]
        assert names[:2] == ["plan#1", "tool#1"]
        assert names[-2:] == ["respond#1", "enrich#1"]
        for at in names:
            before = wire.counted()
            fork = await forked(runtime, parent, at)
            orchestrator, analyst, datadog, aws = wire.since(before)
            assert (fork.run["status"], fork.receipt["status"]) == ("done", "stored"), at
            assert (fork.run["origin"], fork.run["parent"]) == ("fork", run_id)
            assert fork.names == list(left(parent, at))
            plans = [name for name in left(parent, at) if name.startswith("plan")]
            assert (orchestrator, analyst) == (len(plans), 1), at
            # What was asked of the sources before the step's own visit of plan is not repeated.
            number = int(at.partition("#")[2]) if at[:4] in ("plan", "tool") else len(marks.counts)
            first = asked_before.get(f"plan#{number}", whole)
            assert datadog <= whole[2] - first[2], at
            assert aws <= whole[3] - first[3], at
            verdict, _ = await rerun(fork.recording)
            assert verdict.same, (at, verdict)
        assert (datadog, aws) == (0, 0)
        assert await left_behind(runtime, parent) == kept
        assert await recorded(runtime, run_id) == parent


@pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)
async def test_what_was_recorded_is_served_and_its_figures_are_the_parents(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, calling(FIND), WELL)
    parent = await recorded(runtime, await ended(runtime, Asked(SLOW, _id(2), "t")))
    kept = await left_behind(runtime, parent)
    other = Reply({"content": "It is the cart [E1]."})
    provider.queue(ORCHESTRATOR, other)
    fork = await forked(runtime, parent, "plan#2")
    told = [(message.type, message.text) for message in fork.state["messages"]]
    was = [(message["type"], message["content"]) for message in _end(parent)["messages"]]
    assert told[:3] == was[:3]
    assert told[3:] == [("ai", "It is the cart [E1].")]
    named = {message.id for message in fork.state["messages"]}
    run_id = fork.run["run_id"]
    assert named == {f"{run_id}:{name}" for name in ("question", "plan#1", "tool#1.0", "plan#2")}
    for entry in fork.state["exchanges"]:
        assert entry["digest"] == digest(entry["request"])
    known = encode_state({**fork.state, "fork": None})
    assert parent.run_id not in canonical(known)
    [evidence] = fork.state["evidence"]
    assert (evidence["id"], evidence["turn_id"]) == ("E1", run_id)
    assert fork.state["turn"]["thread_id"] == fork.run["thread_id"] != "t"
    [first, second] = [part for part in parent.exchanges() if part[1]["kind"] == "model"][:2]
    assert fork.state["spent"]["input_tokens"] > first[1]["measured"]["input_tokens"]
    assert (fork.run["visits"], fork.run["tool_calls"]) == (1, 0)
    assert fork.run["input_tokens"] == second[1]["measured"]["input_tokens"]
    assert (await runtime.runs.totals())["input_tokens"] == (
        parent.run["input_tokens"] + fork.run["input_tokens"]
    )
    assert await left_behind(runtime, parent) == kept
    verdict, _ = await rerun(fork.recording)
    assert verdict.same, verdict


async def test_a_fork_is_forked_and_the_time_between_counts_for_neither(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, calling(FIND), WELL)
    first = await recorded(runtime, await ended(runtime, Asked(SLOW, _id(3), "t")))
    provider.queue(ORCHESTRATOR, WELL, WELL)
    second = await forked(runtime, _aged(first), "plan#2")
    third = await forked(runtime, _aged(second.recording), "plan#2")
    assert second.run["status"] == third.run["status"] == "done"
    assert third.run["parent"] == second.run["run_id"]
    for fork in (second, third):
        assert 0 < fork.state["spent"]["seconds"] < LONG_S / 2
        assert 0 <= fork.run["seconds"] <= fork.state["spent"]["seconds"]
    assert third.state["fork"] is not None
    assert third.state["fork"]["idle_s"] > 2 * LONG_S
    verdict, _ = await rerun(third.recording)
    assert verdict.same, verdict


async def test_an_exported_file_is_forked_where_its_run_is_not_known(
    lab_settings: MakeSettings, provider: MiniMaxDouble, tmp_path: Path
) -> None:
    settings = lab_settings()
    provider.queue(ORCHESTRATOR, calling(FIND), WELL, WELL)
    async with open_runtime(settings) as runtime:
        run_id = await ended(runtime, Asked(SLOW, _id(4), "t"))
        text = await exported(await recorded(runtime, run_id))
    parent = from_text(text)
    elsewhere = settings.model_copy(update={"state_dir": tmp_path / "elsewhere"})
    async with open_runtime(elsewhere) as runtime:
        for at in ("plan#2", "respond#1", "enrich#1"):
            fork = await forked(runtime, parent, at)
            assert (fork.run["status"], fork.run["parent"]) == ("done", run_id), at
            assert fork.receipt["status"] in ("stored", "empty")
            again = from_text(await exported(fork.recording))
            assert again.run["parent"] == run_id
        assert await runtime.runs.get(run_id) is None
    assert len(provider.of(ORCHESTRATOR)) == 3


def _id(number: int) -> str:
    return f"6f1a1b0e-0000-4000-8000-{number:012}"


def _end(recording: Recording) -> dict[str, Any]:
    return list(recording.part("turn")[-1].states())[-1]


def _aged(recording: Recording) -> Recording:
    """The same, as if it had been recorded earlier."""

    def earlier(moment: str) -> str:
        then = datetime.fromisoformat(moment) - timedelta(seconds=LONG_S)
        return then.isoformat()

    def turned(state: Any) -> Any:
        turn = state.get("turn")
        return {**state, "turn": {**turn, "asked_at": earlier(turn["asked_at"])}} if turn else state

    def changed(step: Step) -> Step:
        known = turned({name: change.get("value") for name, change in step.changes.items()})
        turn = {"turn": {"value": known["turn"]}} if known.get("turn") else {}
        return replace(step, at=earlier(step.at), changes={**step.changes, **turn})

    return replace(
        recording,
        segments=[
            replace(
                part,
                at=earlier(part.at),
                start=turned(part.start),
                steps=[changed(step) for step in part.steps],
            )
            for part in recording.segments
        ],
    )
