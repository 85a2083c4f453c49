"""A run that is forked over HTTP: who may, what is refused, and what comes of it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from graph import turns
from graph.runtime import Runtime
from lab.minimax import MiniMaxDouble
from tests.conftest import DATABASES, OpenRuntime
from tests.server.conftest import application, client_of

pytestmark = pytest.mark.parametrize("database", DATABASES, indirect=True)

ANN, BEN = "ann-0123456789abcdef", "ben-0123456789abcdef"
SLOW = {"question": "checkout-service is slow since half an hour. What is wrong?"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def runtime(open_lab: OpenRuntime) -> AsyncIterator[Runtime]:
    async with open_lab(fork_callers="local") as started:
        yield started


async def ended(client: httpx.AsyncClient, runtime: Runtime, body: dict[str, Any] = SLOW) -> str:
    """The id of a run that has ended, and its enrichment too."""
    answer = await client.post("/v1/investigations", json=body)
    assert answer.status_code == 200, answer.text
    run_id = str(answer.json()["run_id"])
    await runtime.enrichment(run_id)
    return run_id


def kind_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, str(answer.json()["type"]).removeprefix("/problems/")


async def test_only_who_is_named_may_fork_and_all_may_rerun(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    tokens = {"api_tokens": f"ann:{ANN},ben:{BEN}", "fork_callers": "ann"}
    async with (
        open_lab(**tokens) as runtime,
        application(runtime) as app,
        client_of(app, ANN) as ann,
        client_of(app, BEN) as ben,
        client_of(app) as nobody,
    ):
        run_id = await ended(ben, runtime)
        provider.requests.clear()
        fork = f"/v1/runs/{run_id}/fork"
        for body in ({"at": "plan#1"}, {"at": 1}, {}):
            refused = await ben.post(fork, json=body)
            assert kind_of(refused) == (403, "not-permitted")
            assert "ben may not fork" in refused.json()["detail"]
            assert "FORK_CALLERS" in refused.json()["detail"]
        assert kind_of(await ann.post(fork, json={"at": 1})) == (422, "invalid-request")
        assert kind_of(await nobody.post(fork, json={"at": "plan#1"})) == (401, "token-refused")
        assert (await ben.post(f"/v1/runs/{run_id}/rerun")).json()["verdict"] == "same"
        assert len((await runtime.runs.page())[0]) == 1
    assert provider.requests == []


async def test_without_the_setting_nobody_may_fork_without_a_token_either(
    open_lab: OpenRuntime,
) -> None:
    async with open_lab() as runtime, application(runtime) as app, client_of(app) as client:
        refused = await client.post("/v1/runs/none/fork", json={"at": "plan#1"})
        assert kind_of(refused) == (403, "not-permitted")
        assert "local may not fork" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        (b'{"at": "plan#1"}', {"Content-Type": "text/plain"}, (415, "unsupported-media-type")),
        (b'{"at": ', JSON, (400, "malformed-body")),
        (b"{}", JSON, (422, "invalid-request")),
        (b'{"at": "plan"}', JSON, (422, "invalid-request")),
        (b'{"at": "plan#0"}', JSON, (422, "invalid-request")),
        (b'{"at": "plan#1", "set": [1]}', JSON, (422, "invalid-request")),
        (b'{"at": "plan#1", "set": {"question": NaN}}', JSON, (422, "invalid-request")),
        (b'{"at": "plan#1", "values": {}}', JSON, (422, "invalid-request")),
        (b'{"at": "plan#1", "prompt": ""}', JSON, (422, "invalid-request")),
        (b'{"at": "plan#1", "prompt": "a\\u0000"}', JSON, (422, "invalid-request")),
        (b'{"at": "plan#1", "prompt": "%s"}' % (b"x" * 50_001), JSON, (422, "invalid-request")),
        (b'{"at": "plan#1", "budgets": {}}', JSON, (422, "invalid-request")),
        (b'{"at": "plan#1"}', JSON, (404, "run-unknown")),
    ],
    ids=range(13),
)
async def test_a_body_that_is_no_fork_is_refused(
    client: httpx.AsyncClient,
    content: bytes,
    headers: dict[str, str],
    expected: tuple[int, str],
) -> None:
    answer = await client.post("/v1/runs/none/fork", content=content, headers=headers)
    assert kind_of(answer) == expected


async def followed(client: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    """The run, once it has ended."""
    stream = await client.get(f"/v1/runs/{run_id}/events")
    assert stream.status_code == 200
    run: dict[str, Any] = (await client.get(f"/v1/runs/{run_id}")).json()
    assert run["ended_at"]
    return run


async def test_a_fork_goes_on_live_in_a_run_of_its_own_and_leaves_its_parent_as_it_was(
    client: httpx.AsyncClient, runtime: Runtime, provider: MiniMaxDouble
) -> None:
    parent = await ended(client, runtime)
    paths = ("", "/export", "/answer", "/steps")
    before = [(await client.get(f"/v1/runs/{parent}{path}")).text for path in paths]
    provider.requests.clear()
    answer = await client.post(f"/v1/runs/{parent}/fork", json={"at": "plan#2"})
    assert answer.status_code == 202, answer.text
    accepted = answer.json()
    run_id = accepted["run_id"]
    assert answer.headers["location"] == f"/v1/runs/{run_id}"
    assert (accepted["parent"], accepted["origin"]) == (parent, "fork")
    run = await followed(client, run_id)
    assert (run["status"], run["root_cause"]) == ("done", "pricing-service")
    assert run["thread_id"] != (await client.get(f"/v1/runs/{parent}")).json()["thread_id"]
    await runtime.enrichment(run_id)
    assert provider.requests
    assert [(await client.get(f"/v1/runs/{parent}{path}")).text for path in paths] == before
    for one in (parent, run_id):
        assert (await client.post(f"/v1/runs/{one}/rerun")).json()["verdict"] == "same"


async def test_model_prompt_and_state_are_what_the_fork_goes_on_with(
    client: httpx.AsyncClient, runtime: Runtime, provider: MiniMaxDouble
) -> None:
    parent = await ended(client, runtime)
    provider.requests.clear()
    changes = {
        "at": "plan#1",
        "model": "minimax/MiniMax-M2.7",
        "prompt": "You are brief.",
        "set": {"question": "Who owns cart-service?"},
    }
    answer = await client.post(f"/v1/runs/{parent}/fork", json=changes)
    assert answer.status_code == 202, answer.text
    assert answer.json()["question"] == "Who owns cart-service?"
    await followed(client, answer.json()["run_id"])
    first = provider.requests[0].body
    assert first["model"] == "MiniMax-M2.7"
    assert "You are brief." in str(first["messages"][0])
    assert "Who owns cart-service?" in str(first["messages"])
    assert SLOW["question"] not in str(first["messages"])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"at": "plan#99"}, "has no step 'plan#99'; it has plan#1"),
        ({"at": "nowhere#1"}, "has no step 'nowhere#1'; it has plan#1"),
        ({"at": "plan#1", "model": "gpt-4"}, "unknown model id 'gpt-4'; known: "),
        ({"at": "plan#1", "prompt": "  "}, "the prompt is empty"),
        ({"at": "plan#1", "set": {"no": 1}}, "'no' cannot be set before plan#1"),
        ({"at": "plan#1", "set": {"messages": [1]}}, "1 is not a message of ours"),
    ],
)
async def test_a_fork_that_cannot_be_is_refused_and_nothing_is_kept_of_it(
    client: httpx.AsyncClient, runtime: Runtime, body: dict[str, Any], said: str
) -> None:
    parent = await ended(client, runtime)
    answer = await client.post(f"/v1/runs/{parent}/fork", json=body)
    assert kind_of(answer) == (422, "fork-refused")
    assert said in answer.json()["detail"]
    assert len((await runtime.runs.page())[0]) == 1


async def test_beyond_what_a_process_accepts_a_fork_is_told_to_come_back(
    client: httpx.AsyncClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = await ended(client, runtime)
    monkeypatch.setattr(turns, "ACCEPTED", 0)
    answer = await client.post(f"/v1/runs/{parent}/fork", json={"at": "plan#1"})
    assert kind_of(answer) == (503, "too-many-runs")
    assert answer.headers["retry-after"] == "5"
