"""Memory over HTTP: what was learned is listed, shown and marked; retired, it is not recalled."""

from typing import Any

import httpx
import pytest

from graph.runtime import Runtime
from lab.minimax import MiniMaxDouble
from tests.conftest import DATABASES
from tests.server.conftest import application, client_of

pytestmark = pytest.mark.parametrize("database", DATABASES, indirect=True)

SLOW = {"question": "checkout-service is slow since half an hour. What is wrong?"}


async def learned(client: httpx.AsyncClient, runtime: Runtime) -> list[dict[str, Any]]:
    run_id = (await client.post("/v1/investigations", json=SLOW)).json()["run_id"]
    await runtime.enrichment(run_id)
    return list((await client.get("/v1/memory")).json()["items"])


def hints(provider: MiniMaxDouble) -> list[str]:
    """The system text of each question that the orchestrator was shown hints with."""
    texts = [str(seen.body["messages"][0]["content"]) for seen in provider.of("MiniMax-M3")]
    return [text.partition("Hints from memory:")[2] for text in texts]


async def test_what_was_learned_is_listed_and_shown_with_where_it_comes_from(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    items = await learned(client, runtime)
    assert sorted(item["kind"] for item in items) == ["insights", "patterns"]
    [run] = (await client.get("/v1/runs")).json()["items"]
    for item in items:
        shown = (await client.get(f"/v1/memory/{item['id']}")).json()
        assert shown == item
        assert shown["status"] == "open"
        assert shown["provenance"]["turn_id"] == run["run_id"]
    assert len((await client.get("/v1/memory?limit=1")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("action", "status"),
    [("acknowledge", "acknowledged"), ("resolve", "resolved"), ("retire", "retired")],
)
async def test_a_mark_is_kept_with_the_name_of_who_made_it(
    runtime: Runtime, client: httpx.AsyncClient, action: str, status: str
) -> None:
    [item, _] = await learned(client, runtime)
    marked = await client.post(f"/v1/memory/{item['id']}/{action}")
    assert (marked.status_code, marked.json()["status"]) == (200, status)
    kept = (await client.get(f"/v1/memory/{item['id']}")).json()
    assert kept == marked.json()
    assert [(mark["status"], mark["by"]) for mark in kept["marks"]] == [(status, "local")]


async def test_what_is_retired_is_not_recalled_in_the_next_turn(
    client: httpx.AsyncClient, runtime: Runtime, provider: MiniMaxDouble
) -> None:
    items = await learned(client, runtime)
    again = {**SLOW, "focus": [name for item in items for name in item["components"]]}
    provider.requests.clear()
    await client.post("/v1/investigations", json=again)
    shown = hints(provider)
    assert all(f"M-{item['id'][:8]}" in text for item in items for text in shown)
    await client.post(f"/v1/memory/{items[0]['id']}/retire")
    await client.post(f"/v1/memory/{items[1]['id']}/acknowledge")
    provider.requests.clear()
    await client.post("/v1/investigations", json=again)
    shown = hints(provider)
    assert shown
    assert not any(f"M-{items[0]['id'][:8]}" in text for text in shown)
    assert all(f"M-{items[1]['id'][:8]}" in text for text in shown)


async def test_a_mark_names_the_caller_by_its_token(open_lab: Any) -> None:
    tokens = {"alice": "a" * 32, "bob": "b" * 32}
    async with (
        open_lab(api_tokens=tokens) as runtime,
        application(runtime) as app,
        client_of(app, "a" * 32) as alice,
        client_of(app, "b" * 32) as bob,
    ):
        [item, _] = await learned(alice, runtime)
        await alice.post(f"/v1/memory/{item['id']}/acknowledge")
        marked = (await bob.post(f"/v1/memory/{item['id']}/retire")).json()
    assert [mark["by"] for mark in marked["marks"]] == ["alice", "bob"]
