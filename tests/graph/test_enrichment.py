"""The detached branch: it ends in a receipt, and nothing of it reaches the answer."""

from graph.runtime import Runtime
from lab.minimax import Hang, MiniMaxDouble, Raw, Reply
from tests.conftest import OpenRuntime

ANALYST = "MiniMax-M2.5"
QUESTION = "checkout-service is slow since half an hour. What is wrong?"


async def test_a_finished_turn_is_stored_in_memory_once(runtime: Runtime) -> None:
    state = await runtime.investigate(QUESTION)
    receipt = await runtime.enrichment(state["turn"]["id"])
    assert receipt is not None
    assert (receipt["status"], receipt["insights"], receipt["patterns"]) == ("stored", 1, 1)
    assert [item["occurrences"] for item in await runtime.memory.items()] == [1, 1]


async def test_while_the_analyst_hangs_the_next_question_is_answered(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.always(ANALYST, Hang())
    async with open_lab(enrichment_timeout_s=1.5) as runtime:
        first = await runtime.investigate(QUESTION, thread_id="t")
        request = await provider.wait_for(ANALYST, 1)
        second = await runtime.investigate("Who owns cart-service?", thread_id="t")
        assert not request.closed_by_client.is_set()
        assert "cart-service is owned by checkout" in second["messages"][-1].text
        receipt = await runtime.enrichment(first["turn"]["id"])
        await request.closed_by_client.wait()
        assert receipt is not None
        assert receipt["status"] == "timeout"
        state = await runtime.state("t")
        asked = [message.text for message in state["messages"] if message.type == "human"]
        assert asked == [QUESTION, "Who owns cart-service?"]


async def test_garbage_from_the_analyst_is_a_failed_receipt_and_leaves_memory_alone(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.queue(ANALYST, Reply({"content": "I could not find anything to say."}))
    async with open_lab(model_attempts=1) as runtime:
        first = await runtime.investigate(QUESTION)
        receipt = await runtime.enrichment(first["turn"]["id"])
        assert receipt is not None
        assert receipt["status"] == "failed"
        provider.queue(ANALYST, Raw("<html>"))
        second = await runtime.investigate(QUESTION)
        receipt = await runtime.enrichment(second["turn"]["id"])
        assert receipt is not None
        assert receipt["status"] == "failed"
        assert await runtime.memory.items() == []
