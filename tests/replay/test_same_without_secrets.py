"""What was typed in and looks like a secret is in no exported file, and the file is the same."""

import pytest

from graph.runtime import Runtime
from lab.minimax import MiniMaxDouble, Reply, calling
from tests.replay.alone import Alone
from tests.replay.conftest import recorded

ORCHESTRATOR, ANALYST = "MiniMax-M3", "MiniMax-M2.5"
SECRET = "correct-horse-battery"
KEY = "AKIAQYLPMN5HHHFPZAM2"
TYPED = f"checkout-service is slow when I log in with password={SECRET} and {KEY}. Why?"
KINDS = {
    "told to the stand-in": [],
    "given to a tool and said again": [
        calling(("find_services", {"query": f"password={SECRET}"}), ("list_changes", {})),
        Reply({"content": f"<think>token={SECRET}</think>It is {KEY} [E1]."}),
    ],
    "given to a tool by its name and said in the report": [
        calling(("get_component", {"name": "cart-service", "password": SECRET})),
        calling(
            (
                "conclude",
                {
                    "summary": f"password={SECRET} is wrong.",
                    "root_cause": None,
                    "confidence": "low",
                    "evidence": [],
                },
            )
        ),
    ],
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_secret_that_is(
    kind: str, runtime: Runtime, provider: MiniMaxDouble, alone: Alone
) -> None:
    provider.queue(ORCHESTRATOR, *KINDS[kind])
    state = await runtime.investigate(TYPED)
    recording = await recorded(runtime, state["turn"]["id"])
    assert recording.part("enrichment")
    text = await alone.shows_the_same(recording)
    assert SECRET not in text
    assert KEY not in text
    assert "checkout-service is slow when I log in with password=[redacted: " in text


async def test_a_secret_of_an_earlier_turn(runtime: Runtime, alone: Alone) -> None:
    await runtime.investigate(TYPED, thread_id="t")
    state = await runtime.investigate("And who owns checkout-service?", thread_id="t")
    text = await alone.shows_the_same(await recorded(runtime, state["turn"]["id"]))
    assert SECRET not in text
    assert KEY not in text
    assert text.count("password=[redacted: ") >= 1


async def test_a_secret_that_the_analyst_repeats(
    runtime: Runtime, provider: MiniMaxDouble, alone: Alone
) -> None:
    provider.queue(ANALYST, Reply({"content": f"no JSON, but password={SECRET}"}))
    state = await runtime.investigate("checkout-service is slow. What is wrong?")
    text = await alone.shows_the_same(await recorded(runtime, state["turn"]["id"]))
    assert SECRET not in text
