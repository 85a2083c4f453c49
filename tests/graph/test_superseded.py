"""Under backlog a later turn of a thread spares the analyst an earlier one that it covers."""

import pytest

from lab.faults import Hang
from lab.minimax import MiniMaxDouble
from tests.conftest import OpenRuntime

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)

ANALYST = "MiniMax-M2.5"
QUESTION = "checkout-service is slow since half an hour. What is wrong?"


async def test_a_later_turn_covers_an_earlier_one_that_still_waits(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.queue(ANALYST, Hang())
    async with open_lab(enrichment_concurrency=1, enrichment_timeout_s=5) as runtime:
        busy = await runtime.investigate(QUESTION, thread_id="other")
        await provider.wait_for(ANALYST, 1)
        turns = [await runtime.investigate(QUESTION, thread_id="t") for _ in range(3)]
        names = [state["turn"]["id"] for state in turns]
        receipts = [await runtime.enrichment(name) for name in names]
        first = await runtime.enrichment(busy["turn"]["id"])
    assert first is not None
    assert first["status"] == "timeout"
    ended = [(entry["status"], entry["superseded_by"]) for entry in receipts if entry]
    assert ended == [("skipped", names[1]), ("skipped", names[2]), ("stored", None)]
    study = provider.of(ANALYST)[-1].body["messages"][-1]["content"]
    assert len(provider.of(ANALYST)) == 2
    assert study.count("Earlier question: ") == 2
    for entry in turns[-1]["evidence"]:
        assert f"\n{entry['id']} {entry['name']}(" in study


async def test_a_turn_whose_enrichment_has_begun_is_not_superseded(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.queue(ANALYST, Hang())
    async with open_lab(enrichment_timeout_s=2) as runtime:
        first = await runtime.investigate(QUESTION, thread_id="t")
        await provider.wait_for(ANALYST, 1)
        second = await runtime.investigate(QUESTION, thread_id="t")
        ended = [await runtime.enrichment(state["turn"]["id"]) for state in (first, second)]
    assert [entry["status"] for entry in ended if entry] == ["timeout", "stored"]
    assert "Earlier question" not in provider.of(ANALYST)[-1].body["messages"][-1]["content"]


async def test_an_earlier_turn_that_does_not_fit_beside_the_later_one_keeps_its_own(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.queue(ANALYST, Hang())
    async with open_lab(enrichment_concurrency=1, enrichment_timeout_s=5) as runtime:
        await runtime.investigate(QUESTION, thread_id="other")
        await provider.wait_for(ANALYST, 1)
        turns = [await runtime.investigate(QUESTION, thread_id="t") for _ in range(4)]
        ended = [await runtime.enrichment(state["turn"]["id"]) for state in turns]
    assert len(turns[-1]["evidence"]) > 30
    statuses = [entry["status"] for entry in ended if entry]
    assert statuses == ["skipped", "skipped", "stored", "stored"]
