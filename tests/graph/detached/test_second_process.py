"""A second process beside the one that works: it is refused, or it looks on and hands over."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from graph.errors import StateUnavailable
from graph.runtime import open_runtime
from lab.minimax import MiniMaxDouble, Reply
from tests.conftest import DATABASES, MakeSettings
from tests.graph.detached.child import Child

pytestmark = pytest.mark.parametrize("database", DATABASES, indirect=True)

ANALYST = "MiniMax-M2.5"
QUESTION = "checkout-service is slow since half an hour. What is wrong?"


@pytest.fixture
async def working(lab_settings: MakeSettings) -> AsyncIterator[Child]:
    """The first process."""
    child = Child(lab_settings())
    assert await child.until("ready") == ("ready",)
    yield child
    await child.kill()


async def answered(child: Child) -> str:
    run = str(uuid4())
    await child.tell("ask", run, "t")
    assert await child.until("answered", "unavailable") == ("answered", run)
    return run


async def test_a_second_one_that_works_is_refused_and_the_first_goes_on(
    working: Child, lab_settings: MakeSettings
) -> None:
    settings = lab_settings()
    with pytest.raises(StateUnavailable) as caught:
        async with open_runtime(settings):
            pass
    assert str(caught.value) == (
        f"STATE_DIR={settings.state_dir} is in use by another process; stop it, or give another "
        "folder"
        if settings.database_url is None
        else "EXECUTOR_ID=one is in use by another process on this database; name each process "
        "differently"
    )
    run = await answered(working)
    async with open_runtime(settings, works=False) as looking_on:
        ended = await looking_on.enrichment(run)
    assert ended is not None
    assert ended["status"] == "stored"


async def test_one_that_looks_on_reads_and_hands_over_what_the_first_then_does(
    working: Child, lab_settings: MakeSettings, provider: MiniMaxDouble
) -> None:
    provider.queue(ANALYST, Reply({"content": "no JSON at all"}))
    run = await answered(working)
    async with open_runtime(lab_settings(), works=False) as looking_on:
        failed = await looking_on.enrichment(run)
        told = (await looking_on.state("t"))["messages"]
        assert (await looking_on.retry(run))["status"] == "pending"
        ended = await looking_on.enrichment(run)
        items = await looking_on.memory.items()
        with pytest.raises(StateUnavailable, match="opened to look on; ask the one that works"):
            await looking_on.investigate(QUESTION, thread_id="t")
    assert failed is not None
    assert failed["status"] == "failed"
    assert told[-1].id == f"{run}:answer"
    assert ended is not None
    assert (ended["status"], ended["attempts"]) == ("stored", 2)
    assert [item["turns"] for item in items] == [[run]] * 2
