"""MEMORY=false: nothing is recalled, and what is learned is kept."""

from graph.setup import Setup
from graph.state import Exchange, Investigation
from lab.incident import load
from lab.minimax import MiniMaxDouble
from tests.conftest import MakeSettings, OpenRuntime

QUESTION = load("bad-deploy").question


def recalls(state: Investigation) -> list[Exchange]:
    return [entry for entry in state["exchanges"] if entry["name"] == "recall"]


async def test_nothing_is_recalled_nor_on_offer_and_the_report_says_so(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    async with open_lab() as runtime:
        first = await runtime.investigate(QUESTION)
        await runtime.enrichment(first["turn"]["id"])
        assert recalls(await runtime.state(first["turn"]["thread_id"]))
    provider.requests.clear()
    async with open_lab(memory=False) as runtime:
        state = await runtime.investigate(QUESTION)
        assert runtime.disabled["memory"] == "switched off by MEMORY"
    assert (state["recalled"], recalls(state)) == ([], [])
    [first_call, *_] = provider.of("MiniMax-M3")
    assert "recall_memory" not in {tool["function"]["name"] for tool in first_call.body["tools"]}
    system = first_call.body["messages"][0]["content"]
    assert "Not available: memory (switched off by MEMORY)." in system
    assert "Hints from memory:" not in system
    assert state["report"] is not None
    assert "not looked at: memory (switched off by MEMORY)" in state["report"]["flags"]


async def test_what_is_learned_is_kept(open_lab: OpenRuntime) -> None:
    async with open_lab(memory=False) as runtime:
        state = await runtime.investigate(QUESTION)
        receipt = await runtime.enrichment(state["turn"]["id"])
        assert receipt is not None
        assert receipt["status"] == "stored"
        assert await runtime.memory.items()


def test_the_setup_of_a_run_says_whether_memory_was_on(lab_settings: MakeSettings) -> None:
    assert Setup.of(lab_settings(memory=False)).memory is False
    older = Setup.of(lab_settings()).model_dump()
    del older["memory"]
    assert Setup.model_validate(older).memory is True
