"""The tape of a turn and the checkpoints that hold it: complete, and whole when read back."""

from typing import Any

from graph.runtime import Runtime
from graph.state import Exchange
from lab.bolt import BoltServer
from lab.estate import KEY
from lab.faults import Hang
from lab.minimax import MiniMaxDouble, Reply, calling
from tests.conftest import OpenRuntime

ORCHESTRATOR, ANALYST = "MiniMax-M3", "MiniMax-M2.5"
QUESTION = "Where does checkout-service lose its time?"
FIND: tuple[str, dict[str, Any]] = ("find_services", {"query": "cart"})


def addresses(exchanges: list[Exchange], *kinds: str) -> list[tuple[str, int, int | None, str]]:
    return [
        (entry["node"], entry["visit"], entry["index"], entry["name"])
        for entry in exchanges
        if entry["kind"] in kinds
    ]


async def test_every_call_to_the_outside_is_on_the_tape_under_its_address(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, calling(FIND, ("get_component", {"name": "cart-service"})))
    provider.queue(ORCHESTRATOR, Reply({"content": "All is well [E1]."}))
    state = await runtime.investigate(QUESTION)
    assert sorted(addresses(state["exchanges"], "model", "tool", "memory", "detach"), key=str) == [
        ("plan", 1, None, "orchestrator"),
        ("plan", 1, None, "recall"),
        ("plan", 2, None, "orchestrator"),
        ("respond", 1, None, "hand_over"),
        ("tool", 1, 0, "find_services"),
        ("tool", 1, 1, "get_component"),
    ]
    assert addresses(state["exchanges"], "identity") == [("plan", 1, None, "run")]
    assert ("plan", 1, None, "now") in addresses(state["exchanges"], "clock")


async def test_calls_and_results_are_on_the_tape_as_references_and_words_in_full(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, calling(FIND), Reply({"content": "All is well [E1]."}))
    state = await runtime.investigate(QUESTION)
    turn_id = state["turn"]["id"]
    [calls, result, words] = [
        entry["response"] for entry in state["exchanges"] if entry["kind"] in ("model", "tool")
    ]
    assert calls == {"message": f"{turn_id}:plan#1"}
    assert result == {"artifact": f"{turn_id}:tool#1.0"}
    assert words["in_full"]["content"] == "All is well [E1]."


async def test_the_tape_holds_the_latest_turn_alone(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, calling(FIND), Reply({"content": "All is well [E1]."}))
    await runtime.investigate(QUESTION, thread_id="t")
    provider.queue(ORCHESTRATOR, Reply({"content": "Still well."}))
    state = await runtime.investigate("And now?", thread_id="t")
    assert addresses(state["exchanges"], "model", "tool") == [("plan", 1, None, "orchestrator")]


async def test_what_the_enrichment_did_is_on_the_tape_of_its_own_thread(runtime: Runtime) -> None:
    state = await runtime.investigate("checkout-service is slow. What is wrong?")
    receipt = await runtime.enrichment(state["turn"]["id"])
    assert receipt is not None
    branch = await runtime.state(receipt["thread_id"] or "")
    assert addresses(branch["exchanges"], "model", "memory") == [
        ("enrich", 1, None, "begin_enrichment"),
        ("enrich", 1, None, "analyst"),
        ("enrich", 1, None, "remember"),
    ]


async def test_a_call_that_the_guard_ends_is_on_the_tape_as_an_error(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.always(ANALYST, Hang())
    async with open_lab(enrichment_timeout_s=0.5) as runtime:
        state = await runtime.investigate(QUESTION)
        receipt = await runtime.enrichment(state["turn"]["id"])
        assert receipt is not None
        branch = await runtime.state(receipt["thread_id"] or "")
    [analyst] = [entry for entry in branch["exchanges"] if entry["kind"] == "model"]
    assert (analyst["status"], analyst["error"]) == ("error", "CancelledError")
    assert branch["enrichment"] == receipt


async def test_a_thread_read_back_by_another_process_equals_what_was_written(
    open_lab: OpenRuntime,
) -> None:
    async with open_lab() as runtime:
        await runtime.investigate(QUESTION, thread_id="t")
        written = await runtime.investigate("Who owns cart-service?", thread_id="t")
    async with open_lab() as runtime:
        assert await runtime.state("t") == written


async def test_no_credential_is_in_any_file_of_the_state_directory(
    open_lab: OpenRuntime, server: BoltServer
) -> None:
    async with open_lab() as runtime:
        state = await runtime.investigate(QUESTION)
        await runtime.enrichment(state["turn"]["id"])
        folder = runtime.settings.state_dir
    kept = b"".join(path.read_bytes() for path in folder.iterdir())
    assert QUESTION.encode() in kept
    assert KEY.encode() not in kept
    assert server.reader_password.encode() not in kept
