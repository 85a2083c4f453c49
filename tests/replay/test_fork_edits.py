"""What a fork changes from its step on, and what it refuses before anything is asked."""

from dataclasses import replace
from typing import Any

import pytest

from graph.errors import NetForgeError, UnreadableValue
from graph.run import Asked
from graph.runtime import Runtime
from lab.minimax import MiniMaxDouble, Reply, calling
from replay.forking.fork import Changed, ForkRefused, fork
from replay.recording import Recording
from replay.running.rerun import rerun
from tests.replay.conftest import ended, recorded
from tests.replay.forking import ANALYST, ORCHESTRATOR, SLOW, Forked, forked, left_behind

FIND: tuple[str, dict[str, Any]] = ("find_services", {"query": "cart"})
WELL = Reply({"content": "All is well [E1]."})
RUN_ID = "6f1a1b0e-0000-4000-8000-00000000000a"
OTHER, OTHER_ID = "MiniMax-M2.1", "minimax/MiniMax-M2.1"


@pytest.fixture
async def parent(runtime: Runtime, provider: MiniMaxDouble) -> Recording:
    """A run of plan#1, tool#1, plan#2, respond#1 and enrich#1."""
    provider.queue(ORCHESTRATOR, calling(FIND), WELL)
    recording = await recorded(runtime, await ended(runtime, Asked(SLOW, RUN_ID, "t")))
    provider.requests.clear()
    return recording


def before(recording: Recording, at: str) -> dict[str, Any]:
    """The state before that step."""
    for segment in recording.segments:
        for step, state in zip(segment.steps, segment.states(), strict=False):
            if step.name == at:
                return state
    raise AssertionError(at)


async def reruns_the_same(fork: Forked) -> None:
    verdict, _ = await rerun(fork.recording)
    assert verdict.same, verdict


async def test_another_model_and_prompt_of_the_orchestrator_are_on_the_wire_from_there_on(
    runtime: Runtime, provider: MiniMaxDouble, parent: Recording
) -> None:
    provider.queue(OTHER, WELL)
    changed = Changed(model=OTHER_ID, prompt="Say only what you have seen.")
    fork = await forked(runtime, parent, "plan#2", changed)
    [asked] = provider.of(OTHER)
    assert provider.of(ORCHESTRATOR) == []
    assert asked.body["messages"][0]["content"].startswith("Say only what you have seen.\n\n")
    assert len(provider.of(ANALYST)) == 1
    assert fork.receipt["model"] == "minimax/MiniMax-M2.5"
    await reruns_the_same(fork)


async def test_another_model_and_prompt_hold_from_the_first_step_on(
    runtime: Runtime, provider: MiniMaxDouble, parent: Recording
) -> None:
    provider.queue(OTHER, calling(FIND), WELL)
    fork = await forked(runtime, parent, "plan#1", Changed(model=OTHER_ID, prompt="Be brief."))
    texts = [seen.body["messages"][0]["content"] for seen in provider.of(OTHER)]
    assert [text.startswith("Be brief.\n\n") for text in texts] == [True, True]
    assert provider.of(ORCHESTRATOR) == []
    assert fork.run["status"] == "done"
    await reruns_the_same(fork)


async def test_another_model_and_prompt_of_the_analyst(
    runtime: Runtime, provider: MiniMaxDouble, parent: Recording
) -> None:
    changed = Changed(model=OTHER_ID, prompt="Find patterns.")
    fork = await forked(runtime, parent, "enrich#1", changed)
    [asked] = provider.requests
    assert asked.body["model"] == OTHER
    assert asked.body["messages"][0]["content"] == "Find patterns."
    assert fork.receipt["model"] == OTHER_ID
    kept = await runtime.receipts.get(RUN_ID)
    assert kept is not None
    assert fork.receipt["prompt_version"] != kept["prompt_version"]
    assert fork.state["messages"][-1].text == "All is well [E1]."
    assert (fork.run["status"], fork.run["input_tokens"]) == ("done", 0)
    assert fork.run["analyst_input_tokens"] == fork.receipt["input_tokens"]
    await reruns_the_same(fork)


async def test_what_a_tool_had_found_is_another_thing(
    runtime: Runtime, provider: MiniMaxDouble, parent: Recording
) -> None:
    state = before(parent, "plan#2")
    *rest, found = state["messages"]
    messages = [*rest, {**found, "content": "E1: nothing is there"}]
    provider.queue(ORCHESTRATOR, Reply({"content": "Nothing is there [E1]."}))
    fork = await forked(runtime, parent, "plan#2", Changed(values={"messages": messages}))
    [asked] = provider.of(ORCHESTRATOR)
    assert asked.body["messages"][-1]["content"] == "E1: nothing is there"
    assert fork.state["evidence"][0]["message_id"] == fork.state["messages"][2].id
    await reruns_the_same(fork)


@pytest.mark.parametrize("at", ["plan#1", "plan#2"])
async def test_another_question_is_asked_in_the_place_of_the_first(
    runtime: Runtime, provider: MiniMaxDouble, parent: Recording, at: str
) -> None:
    provider.queue(ORCHESTRATOR, *([calling(FIND)] if at == "plan#1" else []), WELL)
    fork = await forked(runtime, parent, at, Changed(values={"question": "Who owns the cart?"}))
    asked = provider.of(ORCHESTRATOR)[-1].body["messages"]
    assert [part["content"] for part in asked if part["role"] == "user"] == ["Who owns the cart?"]
    assert fork.run["question"] == "Who owns the cart?"
    assert fork.state["turn"]["question"] == "Who owns the cart?"
    assert fork.state["messages"][0].text == "Who owns the cart?"
    await reruns_the_same(fork)


@pytest.mark.parametrize("at", ["plan#1", "plan#2"])
async def test_what_came_with_the_question_is_another_thing(
    runtime: Runtime, provider: MiniMaxDouble, parent: Recording, at: str
) -> None:
    provider.queue(ORCHESTRATOR, *([calling(FIND)] if at == "plan#1" else []), WELL)
    alert = {"title": "cart is slow", "password": "hunter2hunter2"}
    values = {"focus": ["cart-service"], "alert": alert, "budgets": {"visits": 2.0}}
    fork = await forked(runtime, parent, at, Changed(values=values))
    system = provider.of(ORCHESTRATOR)[-1].body["messages"][0]["content"]
    assert "The caller points at: cart-service." in system
    assert "cart is slow" in system
    assert fork.state["turn"]["budgets"] == fork.run["budgets"] == {"visits": 2.0}
    kept = f"{await left_behind(runtime, fork.recording)}{fork.recording}"
    assert "cart is slow" in kept
    assert "hunter2" not in kept
    await reruns_the_same(fork)


async def test_a_lowered_budget_counts_what_was_recorded_too(
    runtime: Runtime, provider: MiniMaxDouble, parent: Recording
) -> None:
    values = {"budgets": {"visits": 1.0}}
    provider.queue(ORCHESTRATOR, WELL)
    await forked(runtime, parent, "plan#2", Changed(values=values))
    [asked] = provider.of(ORCHESTRATOR)
    assert "The budget of this turn is used up (visits)" in asked.body["messages"][-1]["content"]
    assert [tool["function"]["name"] for tool in asked.body["tools"]] == ["conclude"]


REFUSED: list[tuple[str, Changed, str]] = [
    (
        "plan#3",
        Changed(),
        f"run {RUN_ID} has no step 'plan#3'; it has plan#1, tool#1, plan#2, respond#1, enrich#1",
    ),
    ("tool#1.0", Changed(), f"run {RUN_ID} has no step 'tool#1.0'"),
    ("plan#2", Changed(model="gpt-4"), "unknown model id 'gpt-4'; known: minimax/MiniMax-M3"),
    ("plan#2", Changed(prompt=" \n"), "the prompt is empty"),
    ("plan#2", Changed(values={"turn": {}}), "'turn' cannot be set before plan#2; these can: "),
    ("plan#2", Changed(values={"fork": None}), "'fork' cannot be set"),
    ("plan#2", Changed(values={"exchanges": []}), "'exchanges' cannot be set"),
    ("plan#2", Changed(values={"visits": {}}), "'visits' cannot be set"),
    ("plan#2", Changed(values={"detached": True}), "'detached' cannot be set"),
    ("plan#2", Changed(values={"nonsense": 1}), "'nonsense' cannot be set"),
    ("plan#1", Changed(values={"spent": {}}), "'spent' cannot be set before plan#1"),
    ("enrich#1", Changed(values={"question": "Why?"}), "'question' cannot be set before enrich#1"),
    ("plan#2", Changed(values={"question": " "}), "the question is empty"),
    ("plan#2", Changed(values={"question": 7}), "the question must be a text"),
    ("plan#2", Changed(values={"focus": "cart"}), "channel focus: "),
    ("plan#2", Changed(values={"spent": {"visits": 1}}), "channel spent: "),
    (
        "plan#2",
        Changed(values={"messages": [{"type": "human"}]}),
        "messages: a message is not whole",
    ),
    ("plan#2", Changed(values={"messages": 1}), "channel messages: it holds a list"),
    ("plan#2", Changed(values={"messages": []}), "messages: the latest human message must be"),
    ("plan#1", Changed(values={"messages": []}), "with these values the state before plan#1 holds"),
    ("plan#2", Changed(values={"alert": {"text": "a\0"}}), "alert: a text in it holds a NUL"),
    ("plan#2", Changed(values={"budgets": {"visits": 99.0}}), "budget visits=99: "),
    ("plan#2", Changed(values={"budgets": {"calls": 1.0}}), "there is no budget 'calls'"),
]


async def test_what_cannot_be_is_refused_with_one_line_and_nothing_is_asked_or_kept(
    runtime: Runtime, provider: MiniMaxDouble, parent: Recording
) -> None:
    for at, changed, expected in REFUSED:
        with pytest.raises(NetForgeError) as refused:
            await fork(runtime, parent, at, changed)
        assert str(refused.value).startswith(expected), str(refused.value)
        assert "\n" not in str(refused.value)
    assert provider.requests == []
    assert len((await runtime.runs.page())[0]) == 1


async def test_messages_without_one_that_evidence_refers_to_are_refused(
    runtime: Runtime, parent: Recording
) -> None:
    messages = before(parent, "plan#2")["messages"][:-1]
    with pytest.raises(ForkRefused, match=r"lacks message .*tool#1\.0 of E1"):
        await fork(runtime, parent, "plan#2", Changed(values={"messages": messages}))


async def test_a_further_question_in_the_messages_is_refused(
    runtime: Runtime, parent: Recording
) -> None:
    messages = before(parent, "plan#2")["messages"]
    further = {**messages[0], "id": "another"}
    with pytest.raises(ForkRefused, match="the latest human message must be the question"):
        await fork(runtime, parent, "plan#2", Changed(values={"messages": [*messages, further]}))


async def test_an_enrichment_is_not_forked_where_it_is_switched_off(
    runtime: Runtime, parent: Recording
) -> None:
    off = replace(runtime, settings=runtime.settings.model_copy(update={"enrichment": False}))
    with pytest.raises(ForkRefused, match="enrichment is switched off by ENRICHMENT"):
        await fork(off, parent, "enrich#1", Changed())


async def test_a_recording_without_what_its_step_needs_is_refused(
    runtime: Runtime, parent: Recording
) -> None:
    never = replace(parent, segments=[])
    with pytest.raises(ForkRefused, match="has no checkpoint: it never began"):
        await fork(runtime, never, "plan#1", Changed())
    renamed = replace(parent, run={**parent.run, "run_id": "ok"})
    with pytest.raises(UnreadableValue, match="the state before plan#2 is another run's"):
        await fork(runtime, renamed, "plan#2", Changed())
    with pytest.raises(UnreadableValue, match="'ok' is not the id of a run"):
        await fork(runtime, renamed, "plan#1", Changed())
