"""A turn that was started too often is given up; it takes nothing from earlier ones."""

from uuid import uuid4

import pytest

from graph.run import Asked
from graph.runtime import Runtime

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)

QUESTION = "checkout-service is slow since half an hour. What is wrong?"


@pytest.mark.parametrize("earlier", [False, True], ids=["first turn", "later turn"])
async def test_a_turn_that_never_got_to_its_first_step_is_given_up_with_its_own_figures(
    runtime: Runtime, earlier: bool
) -> None:
    if earlier:
        await runtime.investigate(QUESTION, thread_id="t")
    # As three processes leave it that died before its first step was kept.
    run_id = str(uuid4())
    await runtime.runs.add(Asked(QUESTION, run_id, "t"))
    await runtime.runs.start(run_id, 3)
    await runtime.turns.round(0)
    events = [event async for event in runtime.turns.follow(run_id)]
    run = await runtime.turns.known(run_id)
    assert run["status"] == "failed"
    assert (
        run["reason"] == "it was started 3 times and did not end; the log of the process says why"
    )
    assert (run["root_cause"], run["visits"], run["input_tokens"]) == (None, 0, 0)
    told = events[-1]["data"]
    assert events[-1]["event"] == "answered"
    assert (told["report"], told["enrichment"], told["spent"]["visits"]) == (None, None, 0)
    assert "it was started 3 times" in told["answer"]
