"""Lists come in pages: threads, receipts, memory."""

from typing import Any

import httpx
import pytest

from graph.runtime import Runtime
from tests.server.test_runs import OWNER, SLOW, asked

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)


async def pages(client: httpx.AsyncClient, path: str, limit: int) -> list[list[dict[str, Any]]]:
    found: list[list[dict[str, Any]]] = []
    cursor = ""
    while True:
        answer = await client.get(f"{path}?limit={limit}{cursor}")
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found.append(page["items"])
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


async def test_threads_are_listed_once_each_that_with_the_latest_question_first(
    client: httpx.AsyncClient,
) -> None:
    for thread in ("a", "b", "c", "a"):
        await asked(client, {**OWNER, "thread_id": thread})
    found = await pages(client, "/v1/threads", 2)
    told = [(entry["thread_id"], entry["runs"]) for page in found for entry in page]
    assert told == [("a", 2), ("c", 1), ("b", 1)]
    assert [len(page) for page in found] == [2, 1]


async def test_receipts_and_memory_come_in_pages_that_leave_nothing_out(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    runs = [(await asked(client, SLOW))["run_id"] for _ in range(3)]
    for run_id in runs:
        await runtime.enrichment(run_id)
    receipts = await pages(client, "/v1/enrichments", 2)
    assert {entry["turn_id"] for page in receipts for entry in page} == set(runs)
    assert [len(page) for page in receipts] == [2, 1]
    items = await pages(client, "/v1/memory", 1)
    everything = (await client.get("/v1/memory")).json()["items"]
    assert len(everything) == 2
    assert [entry for page in items for entry in page] == everything


@pytest.mark.parametrize("path", ["/v1/threads", "/v1/enrichments", "/v1/memory"])
@pytest.mark.parametrize("cursor", ["-1", "x", "1_", "\u0661"])
async def test_a_cursor_that_no_answer_gave_is_refused(
    client: httpx.AsyncClient, path: str, cursor: str
) -> None:
    answer = await client.get(path, params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/invalid-cursor"
