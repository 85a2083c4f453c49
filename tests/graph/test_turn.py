"""A turn: what the orchestrator gets to see, which calls are run, and how the turn ends."""

from typing import Any
from uuid import uuid4

import pytest

from graph.errors import InvalidQuestion, ThreadBusy
from graph.run import Asked
from graph.runtime import Runtime
from graph.state import Investigation
from lab.bolt import BoltServer
from lab.minimax import MiniMaxDouble, Reply, calling
from lab.relay import relay
from tests.conftest import OpenRuntime

ORCHESTRATOR = "MiniMax-M3"
QUESTION = "Where does checkout-service lose its time?"
FIND_CART: tuple[str, dict[str, Any]] = ("find_services", {"query": "cart"})
DONE = Reply({"content": "All is well [E1]."})
UNSEEN = [
    "not looked at: datadog (DD_API_KEY and DD_APP_KEY are not set)",
    "not looked at: aws (AWS_REGION is not set)",
]


def results(state: Investigation) -> dict[str, str]:
    return {m.tool_call_id: m.text for m in state["messages"] if m.type == "tool"}


def offered(provider: MiniMaxDouble, request: int) -> set[str]:
    tools = provider.of(ORCHESTRATOR)[request].body["tools"]
    return {tool["function"]["name"] for tool in tools}


def report(**parts: Any) -> dict[str, Any]:
    return {
        "summary": "cart is slow.",
        "root_cause": {"component": "cart-service", "explanation": "It is slow."},
        "confidence": "high",
        "evidence": [{"id": "E1", "shows": "it exists"}],
        **parts,
    }


async def test_the_second_question_on_a_thread_sees_the_first_and_its_answer(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    await runtime.investigate("Who owns cart-service?", thread_id="t")
    asked = len(provider.of(ORCHESTRATOR))
    await runtime.investigate("And checkout-service?", thread_id="t")
    messages = provider.of(ORCHESTRATOR)[asked].body["messages"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[1]["content"] == "Who owns cart-service?"
    assert "cart-service is owned by checkout" in messages[2]["content"]
    assert messages[3]["content"] == "And checkout-service?"


async def test_messages_without_ids_make_turns_of_their_own(runtime: Runtime) -> None:
    config: Any = {"configurable": {"thread_id": "t"}}
    for question in ("Who owns cart-service?", "Who owns checkout-service?"):
        asked = {"messages": [{"role": "user", "content": question}]}
        state = await runtime.graph.ainvoke(asked, config)
        assert state["turn"]["question"] == question
        assert question[len("Who owns ") : -1] in state["messages"][-1].text


async def test_a_second_turn_on_a_busy_thread_is_refused_and_the_first_goes_on(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.delay_s = 0.2
    run, _ = await runtime.submit(Asked("Who owns cart-service?", str(uuid4()), "t"))
    with pytest.raises(ThreadBusy, match="thread 't'") as refused:
        await runtime.investigate("And checkout-service?", thread_id="t")
    assert refused.value.run_id == run["run_id"]
    async for _ in runtime.turns.follow(run["run_id"]):
        pass
    state = await runtime.investigate("And checkout-service?", thread_id="t")
    questions = [message.text for message in state["messages"] if message.type == "human"]
    assert questions == ["Who owns cart-service?", "And checkout-service?"]


async def test_an_alert_that_no_database_takes_is_refused_and_one_that_looks_so_is_not(
    runtime: Runtime,
) -> None:
    def asked(text: str) -> Asked:
        alert = {"tags": [{"path": text}]}
        return Asked("Who owns cart-service?", str(uuid4()), str(uuid4()), alert=alert)

    for text in ("a\0b", "half of \ud83d"):
        with pytest.raises(InvalidQuestion, match="beside the question"):
            await runtime.submit(asked(text))
    run, _ = await runtime.submit(asked("C:\\u0000"))
    async for _ in runtime.turns.follow(run["run_id"]):
        pass
    assert (await runtime.turns.known(run["run_id"]))["status"] == "done"


async def test_another_thread_sees_nothing_of_it(runtime: Runtime, provider: MiniMaxDouble) -> None:
    await runtime.investigate("Who owns cart-service?", thread_id="t")
    asked = len(provider.of(ORCHESTRATOR))
    await runtime.investigate("And checkout-service?", thread_id="u")
    messages = provider.of(ORCHESTRATOR)[asked].body["messages"]
    assert [message["role"] for message in messages] == ["system", "user"]


async def test_the_evidence_of_calls_side_by_side_is_numbered_in_their_order(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    names = [f"service-{number}" for number in range(8)]
    calls = [("find_services", {"query": name}) for name in names]
    provider.queue(ORCHESTRATOR, calling(*calls), DONE)
    state = await runtime.investigate(QUESTION)
    numbered = sorted(state["evidence"], key=lambda entry: int(entry["id"][1:]))
    assert [entry["id"] for entry in numbered] == [f"E{number}" for number in range(1, 9)]
    assert [entry["args"]["query"] for entry in numbered] == names
    sent = provider.of(ORCHESTRATOR)[1].body["messages"]
    answers = [message for message in sent if message["role"] == "tool"]
    assert [message["tool_call_id"] for message in answers] == [f"call_{n}" for n in range(1, 9)]


async def test_evidence_is_numbered_on_over_the_turns_of_a_thread(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, calling(FIND_CART), DONE, calling(FIND_CART), DONE)
    await runtime.investigate(QUESTION, thread_id="t")
    state = await runtime.investigate(QUESTION, thread_id="t")
    assert [entry["id"] for entry in state["evidence"]] == ["E1", "E2"]
    assert [entry["turn_id"] for entry in state["evidence"]][1] == state["turn"]["id"]


async def test_a_repeated_call_gets_its_earlier_result_and_is_not_run_again(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    again = calling(FIND_CART)
    again.message["tool_calls"][0]["id"] = "again"
    provider.queue(ORCHESTRATOR, calling(FIND_CART, FIND_CART), again, DONE)
    state = await runtime.investigate(QUESTION)
    assert [entry["id"] for entry in state["evidence"]] == ["E1"]
    assert "cart-service" in results(state)["call_1"]
    assert results(state)["call_2"].startswith("repeats E1 of this step")
    assert results(state)["again"].startswith("repeats E1, not run again")
    assert "cart-service" in results(state)["again"]


async def test_a_call_of_an_unknown_tool_is_answered_with_the_names_there_are(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, calling(("delete_service", {"name": "cart"})), DONE)
    state = await runtime.investigate(QUESTION)
    assert results(state)["call_1"].startswith("no tool is named 'delete_service'; there are find_")


async def test_arguments_of_the_wrong_type_are_an_error_that_names_them(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, calling(("get_topology", {"name": "cart", "depth": 99})), DONE)
    state = await runtime.investigate(QUESTION)
    assert state["evidence"][0]["status"] == "error"
    assert "argument depth" in results(state)["call_1"]


async def test_conclude_beside_other_calls_is_not_taken(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    early = calling(FIND_CART, ("conclude", report()))
    provider.queue(ORCHESTRATOR, early, calling(("conclude", report())))
    state = await runtime.investigate(QUESTION)
    assert "call conclude alone" in results(state)["call_2"]
    assert state["report"] is not None
    assert state["report"]["flags"] == UNSEEN


async def test_evidence_that_does_not_exist_is_sent_back_once_and_then_flagged(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    invented = report(
        evidence=[{"id": "E1", "shows": "it exists"}, {"id": "E7", "shows": "dreams"}]
    )
    conclude = calling(("conclude", invented))
    provider.queue(ORCHESTRATOR, calling(FIND_CART), conclude, conclude)
    state = await runtime.investigate(QUESTION)
    sent_back = provider.of(ORCHESTRATOR)[2].body["messages"][-1]["content"]
    assert "evidence E7 does not exist" in sent_back
    assert len(provider.of(ORCHESTRATOR)) == 3
    assert state["report"] is not None
    assert [cited["id"] for cited in state["report"]["evidence"]] == ["E1"]
    assert state["report"]["flags"] == ["evidence E7 does not exist", *UNSEEN]


async def test_a_source_that_goes_away_is_named_and_supports_no_cause(
    open_lab: OpenRuntime, server: BoltServer, provider: MiniMaxDouble
) -> None:
    conclude = calling(("conclude", report()))
    provider.queue(ORCHESTRATOR, calling(FIND_CART), conclude, conclude)
    async with (
        relay("127.0.0.1", int(server.uri.rpartition(":")[2])) as between,
        open_lab(neo4j_uri=f"bolt://127.0.0.1:{between.port}") as runtime,
    ):
        between.cut()
        state = await runtime.investigate(QUESTION)
    sent_back = provider.of(ORCHESTRATOR)[2].body["messages"][-1]["content"]
    assert "evidence E1 is an error and supports no cause" in sent_back
    assert state["report"] is not None
    assert state["report"]["confidence"] == "low"
    assert "neo4j answered with an error in E1" in state["report"]["flags"]


async def test_a_report_that_cannot_be_read_twice_ends_with_what_was_gathered(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    conclude = calling(("conclude", {"summary": "cart is slow."}))
    provider.queue(ORCHESTRATOR, calling(FIND_CART), conclude, conclude)
    state = await runtime.investigate(QUESTION)
    answer = state["messages"][-1].text
    assert answer.startswith("The report could not be read: root_cause: Field required;")
    assert "E1 find_services(query='cart'): ok" in answer
    assert state["report"] is None


async def test_a_used_up_budget_leaves_only_conclude_on_offer(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.queue(ORCHESTRATOR, calling(FIND_CART, ("find_services", {"query": "checkout"})))
    async with open_lab(turn_max_tool_calls=1) as runtime:
        state = await runtime.investigate(QUESTION)
    assert "budget of this turn is used up" in results(state)["call_2"]
    assert "find_services" in offered(provider, 0)
    assert offered(provider, 1) == {"conclude"}
    assert state["spent"]["tool_calls"] == 1
    assert state["report"] is not None


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("turn_max_visits", 1),
        ("turn_max_tool_calls", 1),
        ("turn_max_tokens", 1),
        ("turn_max_cost_usd", 1e-9),
        ("turn_max_seconds", 1e-6),
    ],
)
async def test_a_model_that_never_concludes_is_ended_by_any_budget(
    open_lab: OpenRuntime, provider: MiniMaxDouble, setting: str, value: float
) -> None:
    provider.always(ORCHESTRATOR, calling(FIND_CART))
    async with open_lab(**{setting: value}) as runtime:
        state = await runtime.investigate(QUESTION)
    assert state["failure"] is not None
    assert state["failure"]["kind"] == "budget"
    assert "used up, no conclusion" in state["messages"][-1].text
    assert len(provider.of(ORCHESTRATOR)) <= 3


async def test_a_source_that_is_not_configured_is_named_in_the_report_and_not_offered(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    nothing = report(root_cause=None, evidence=[])
    provider.queue(ORCHESTRATOR, calling(("conclude", nothing)))
    async with open_lab(neo4j_uri=None) as runtime:
        state = await runtime.investigate(QUESTION)
    assert offered(provider, 0) == {"conclude", "recall_memory"}
    assert "NEO4J_URI is not set" in provider.of(ORCHESTRATOR)[0].body["messages"][0]["content"]
    assert state["report"] is not None
    assert state["report"]["flags"] == ["not looked at: topology (NEO4J_URI is not set)", *UNSEEN]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("", "the question is empty"),
        (" \n\t", "the question is empty"),
        ("x" * 8001, "has 8001 characters; 8000 is the most"),
        ("slow \ud800", "half a character"),
        ("slow \0", "a NUL"),
    ],
    ids=["empty", "blank", "too long", "half a character", "NUL"],
)
async def test_a_question_that_cannot_be_asked_is_refused(
    runtime: Runtime, question: str, said: str
) -> None:
    with pytest.raises(InvalidQuestion, match=said):
        await runtime.investigate(question)


async def test_a_thread_or_focus_with_half_a_character_is_refused(runtime: Runtime) -> None:
    with pytest.raises(InvalidQuestion, match="half a character"):
        await runtime.investigate(QUESTION, thread_id="\ud800")
    with pytest.raises(InvalidQuestion, match="half a character"):
        await runtime.investigate(QUESTION, focus=["\ud800"])


async def test_a_model_of_unknown_price_is_counted_and_does_not_stop_the_turn(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.queue("MiniMax-M2.7", Reply({"content": "All is well."}))
    async with open_lab(orchestrator_model="minimax/MiniMax-M2.7") as runtime:
        state = await runtime.investigate(QUESTION)
    assert state["messages"][-1].text == "All is well."
    assert (state["spent"]["unpriced_calls"], state["spent"]["cost_usd"]) == (1, 0.0)


async def test_nothing_is_streamed_from_the_provider_when_messages_are_streamed(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    question = {"messages": [("user", "Who owns cart-service?")]}
    config: Any = {"configurable": {"thread_id": "t"}}
    async for _ in runtime.graph.astream(question, config, stream_mode="messages"):
        pass
    assert {seen.body["stream"] for seen in provider.of(ORCHESTRATOR)} == {False}
