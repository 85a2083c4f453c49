"""Whatever the orchestrator calls and answers, its turn is rerun to the same."""

from typing import Any
from uuid import uuid4

import pytest

from graph.run import Asked
from graph.runtime import Runtime
from lab.faults import Status
from lab.minimax import MiniMaxDouble, Reply, calling
from replay.export import exported
from replay.file.document import from_text
from replay.running.rerun import rerun
from tests.conftest import OpenRuntime
from tests.replay.alone import Alone
from tests.replay.conftest import ended, recorded

ORCHESTRATOR = "MiniMax-M3"
VISITS = 105
QUESTION = "Where does checkout-service lose its time?"
FIND_CART: tuple[str, dict[str, Any]] = ("find_services", {"query": "cart"})
FIND_CHECKOUT: tuple[str, dict[str, Any]] = ("find_services", {"query": "checkout"})
DEPTH_FIRST: tuple[str, dict[str, Any]] = ("get_topology", {"name": "cart-service", "depth": 2})
DONE = Reply({"content": "All is well [E1]."})
AS_TEXT = (
    '<minimax:tool_call><invoke name="get_topology">'
    '<parameter name="name">checkout-service</parameter>'
    '<parameter name="depth">3</parameter></invoke></minimax:tool_call>'
)


def again(*calls: tuple[str, dict[str, Any] | str]) -> Reply:
    """Calls under other ids than those of an earlier reply."""
    reply = calling(*calls)
    for call in reply.message["tool_calls"]:
        call["id"] += "_again"
    return reply


def report(**parts: Any) -> dict[str, Any]:
    return {
        "summary": "cart is slow: sehr träge.",
        "root_cause": {"component": "cart-service", "explanation": "It is slow."},
        "confidence": "high",
        "evidence": [{"id": "E1", "shows": "it exists"}],
        **parts,
    }


def conclude(**parts: Any) -> Reply:
    return calling(("conclude", report(**parts)))


INVENTED = [{"id": "E1", "shows": "it exists"}, {"id": "E7", "shows": "dreams"}]
UNREADABLE = calling(("conclude", {"summary": "cart is slow."}))
REPLIES: dict[str, tuple[list[Reply], str]] = {
    "calls side by side": (
        [
            calling(*(("find_services", {"query": f"service-{n}"}) for n in range(7)), DEPTH_FIRST),
            calling(("get_component", {"name": "cart-service"}), ("list_changes", {})),
            conclude(),
        ],
        "Root cause",
    ),
    "repeated calls": ([calling(FIND_CART, FIND_CART), again(FIND_CART), DONE], "All is well"),
    "a tool that there is not": (
        [calling(("drop_service", {"name": "cart"})), DONE],
        "All is well",
    ),
    "arguments of a wrong type": (
        [calling(("get_topology", {"name": "cart", "depth": 99})), DONE],
        "All is well",
    ),
    "arguments that are no JSON": (
        [calling(("get_topology", '{"name": "check'), ("get_topology", '["cart"]')), DONE],
        "All is well",
    ),
    "numbers that JSON has not": (
        [
            calling(
                ("get_topology", '{"name": "cart", "depth": NaN}'),
                ("get_topology", '{"name": "cart", "depth": 1e999}'),
                ("get_topology", '{"name": "cart", "depth": 99999999999999999999999}'),
            ),
            DONE,
        ],
        "All is well",
    ),
    "a call as text": ([Reply({"content": AS_TEXT}), DONE], "All is well"),
    "conclude beside other calls": (
        [calling(FIND_CART, ("conclude", report())), conclude()],
        "Root cause",
    ),
    "a report that is sent back": (
        [calling(FIND_CART), conclude(evidence=INVENTED), conclude()],
        "Root cause",
    ),
    "a report that is sent back in vain": (
        [calling(FIND_CART), conclude(evidence=INVENTED), conclude(evidence=INVENTED)],
        "Root cause",
    ),
    "a report that nobody can read": (
        [calling(FIND_CART, DEPTH_FIRST), UNREADABLE, UNREADABLE],
        "The report could not be read",
    ),
    "a report whose text is no JSON": (
        [calling(FIND_CART), calling(("conclude", '{"summary": "c')), conclude()],
        "Root cause",
    ),
    "an answer in words after thinking": (
        [calling(FIND_CART), Reply({"content": "<think>no doubt</think>\nAll is wéll [E1]. ✓"})],
        "All is wéll [E1]. ✓",
    ),
    "an answer that is cut": (
        [calling(FIND_CART), Reply({"content": "It depends on"}, finish_reason="length")],
        "It depends on",
    ),
    "thoughts apart from the words": (
        [
            Reply(
                {
                    **calling(FIND_CART).message,
                    "content": "I look.",
                    "reasoning_content": "first the cart",
                }
            ),
            DONE,
        ],
        "All is well",
    ),
    "an empty answer and a nudge": ([Reply({"content": "\n"}), calling(FIND_CART), DONE], "All is"),
}


@pytest.mark.parametrize("name", REPLIES)
async def test_a_turn_with(
    name: str, runtime: Runtime, provider: MiniMaxDouble, alone: Alone
) -> None:
    replies, answer = REPLIES[name]
    provider.queue(ORCHESTRATOR, *replies)
    state = await runtime.investigate(QUESTION)
    assert answer in state["messages"][-1].text
    assert len(provider.of(ORCHESTRATOR)) == len(replies)
    await alone.shows_the_same(await recorded(runtime, state["turn"]["id"]))


LOWER: dict[str, dict[str, Any]] = {
    "visits": {"turn_max_visits": 1},
    "tool calls": {"turn_max_tool_calls": 1},
    "tokens": {"turn_max_tokens": 1},
    "cost": {"turn_max_cost_usd": 1e-9},
    "seconds": {"turn_max_seconds": 1e-6},
}


@pytest.mark.parametrize("budget", LOWER)
async def test_a_turn_whose_budget_is_spent_and_that_concludes_late(
    budget: str, open_lab: OpenRuntime, provider: MiniMaxDouble, alone: Alone
) -> None:
    nothing = conclude(root_cause=None, evidence=[])
    provider.queue(ORCHESTRATOR, calling(FIND_CART, FIND_CHECKOUT), nothing)
    async with open_lab(**LOWER[budget]) as runtime:
        state = await runtime.investigate(QUESTION)
        recording = await recorded(runtime, state["turn"]["id"])
    assert state["spent"]["visits_over_budget"] >= 1
    assert state["report"] is not None
    await alone.shows_the_same(recording)


@pytest.mark.parametrize("of_the_question", [False, True], ids=["configured", "of the question"])
async def test_a_turn_whose_budget_is_spent_and_that_never_concludes(
    of_the_question: bool, open_lab: OpenRuntime, provider: MiniMaxDouble, alone: Alone
) -> None:
    provider.always(ORCHESTRATOR, calling(DEPTH_FIRST))
    lower = {"visits": 1} if of_the_question else {}
    async with open_lab(**({} if lower else LOWER["visits"])) as runtime:
        asked = Asked(QUESTION, str(uuid4()), "t", budgets=lower)
        recording = await recorded(runtime, await ended(runtime, asked))
    [turn] = recording.segments
    state = list(turn.states())[-1]
    assert state["failure"]["kind"] == "budget"
    assert "get_topology(name='cart-service', depth=2)" in state["messages"][-1]["content"]
    assert recording.run["status"] == "failed"
    await alone.shows_the_same(recording)


async def test_a_turn_of_which_a_model_of_unknown_price_was_asked(
    open_lab: OpenRuntime, provider: MiniMaxDouble, alone: Alone
) -> None:
    provider.queue("MiniMax-M2.7", Reply({"content": "All is well."}))
    async with open_lab(orchestrator_model="minimax/MiniMax-M2.7", enrichment=False) as runtime:
        state = await runtime.investigate(QUESTION)
        recording = await recorded(runtime, state["turn"]["id"])
    assert state["spent"]["unpriced_calls"] == 1
    await alone.shows_the_same(recording)


async def test_a_turn_without_any_source(
    open_lab: OpenRuntime, provider: MiniMaxDouble, alone: Alone
) -> None:
    provider.queue(ORCHESTRATOR, conclude(root_cause=None, evidence=[]))
    async with open_lab(neo4j_uri=None) as runtime:
        state = await runtime.investigate(QUESTION)
        recording = await recorded(runtime, state["turn"]["id"])
    assert state["report"] is not None
    assert "not looked at: topology (NEO4J_URI is not set)" in state["report"]["flags"]
    await alone.shows_the_same(recording)


async def test_a_turn_that_failed_with_several_arguments_in_its_answer(
    open_lab: OpenRuntime, provider: MiniMaxDouble, alone: Alone
) -> None:
    provider.queue(ORCHESTRATOR, calling(DEPTH_FIRST, FIND_CART), Status(401, "login fail"))
    async with open_lab() as runtime:
        state = await runtime.investigate(QUESTION)
        recording = await recorded(runtime, state["turn"]["id"])
    assert "get_topology(name='cart-service', depth=2)" in state["messages"][-1].text
    await alone.shows_the_same(recording)


async def test_a_turn_of_more_than_a_hundred_visits(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.always(ORCHESTRATOR, calling(("x", {})))
    enough = {"turn_max_tokens": 10**9, "turn_max_cost_usd": 1e6, "turn_max_seconds": 1e6}
    async with open_lab(turn_max_visits=VISITS, **enough) as runtime:
        state = await runtime.investigate(QUESTION)
        recording = await recorded(runtime, state["turn"]["id"])
    [turn] = recording.segments
    names = [step.name for step in turn.steps]
    assert names[:2] == ["plan#1", "tool#1"]
    assert names[-3:] == [f"tool#{VISITS + 2}", f"plan#{VISITS + 3}", "respond#1"]
    verdict, _ = await rerun(from_text(await exported(recording)))
    assert verdict.same, verdict
