"""What the whole application refuses: the right problem each, and nothing of it is stored."""

import json
from typing import Any

import httpx
import pytest

from graph.runtime import Runtime
from lab.minimax import MiniMaxDouble
from tests.conftest import DATABASES, OpenRuntime
from tests.server.conftest import application, client_of

pytestmark = pytest.mark.parametrize("database", DATABASES, indirect=True)

TOKEN = "a" * 32
OWNER = {"question": "Who owns cart-service?"}
JSON = {"Content-Type": "application/json"}
DEEP = "[" * 30_000 + "]" * 30_000


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


def body(**fields: Any) -> bytes:
    return json.dumps({**OWNER, **fields}).encode()


async def stored(runtime: Runtime, threads: list[str]) -> list[Any]:
    """How many rows and receipts there are, and the checkpoints of these threads."""
    checkpoints = [entry async for entry in runtime.storage.saver.alist(None)]
    return [
        await runtime.runs.totals(),
        len((await runtime.runs.page())[0]),
        len(await runtime.receipts.search()),
        len(checkpoints),
        [bool(await runtime.state(thread_id)) for thread_id in threads],
    ]


REFUSED: dict[str, tuple[int, str, bytes, dict[str, str]]] = {
    "too large": (413, "body-too-large", body(alert={"a": "x" * 70_000}), JSON),
    "no JSON": (400, "malformed-body", b'{"question": ', JSON),
    "no UTF-8": (400, "malformed-body", b'{"question": "\xff"}', JSON),
    "deep": (400, "malformed-body", DEEP.encode(), JSON),
    "deep alert": (422, "invalid-request", body(alert=nested(40)), JSON),
    "no object": (422, "invalid-request", b"[]", JSON),
    "no question": (422, "invalid-request", b"{}", JSON),
    "blank": (422, "invalid-question", body(question="  "), JSON),
    "NUL": (422, "invalid-request", body(question="a\0b"), JSON),
    "half a character": (422, "invalid-request", body(metadata={"a": "\ud800"}), JSON),
    "no number": (422, "invalid-request", b'{"question": "x", "alert": {"a": NaN}}', JSON),
    "unknown field": (422, "invalid-request", body(thread="t"), JSON),
    "name of a thread": (422, "invalid-request", body(thread_id="a/../b"), JSON),
    "line in a thread": (422, "invalid-request", body(thread_id="a\r\nSet-Cookie: b"), JSON),
    "long alert": (422, "invalid-question", body(alert={"a": "x" * 30_000}), JSON),
    "high budget": (422, "invalid-question", body(budgets={"visits": 999}), JSON),
    "not called JSON": (415, "unsupported-media-type", body(), {"Content-Type": "text/plain"}),
    "key": (422, "invalid-request", body(), {**JSON, "Idempotency-Key": "a b\tc"}),
    "reused key": (422, "key-reused", body(thread_id="other"), {**JSON, "Idempotency-Key": "k"}),
}


async def test_what_is_refused_is_the_right_problem_and_leaves_nothing(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    settings = {
        "api_tokens": {"alice": TOKEN},
        "request_body_limit_kib": 64,
        "enrichment": False,
    }
    async with (
        open_lab(**settings) as runtime,
        application(runtime) as app,
        client_of(app, TOKEN) as client,
        client_of(app) as nobody,
        client_of(app, "b" * 32) as stranger,
    ):
        first = {**OWNER, "thread_id": "t"}
        key = {"Idempotency-Key": "k"}
        answered = await client.post("/v1/investigations", json=first, headers=key)
        assert answered.status_code == 200
        provider.requests.clear()
        threads = ["t", "other"]
        before = await stored(runtime, threads)
        for who in (nobody, stranger):
            for method, path in (("POST", "/v1/investigations"), ("GET", "/v1/runs")):
                refused = await who.request(method, path, json={**OWNER, "thread_id": "other"})
                assert_problem(refused, 401, "token-refused", "no token of ours")
                assert refused.headers["www-authenticate"].startswith("Bearer")
        for name, (status, kind, content, headers) in REFUSED.items():
            refused = await client.post("/v1/investigations", content=content, headers=headers)
            assert_problem(refused, status, kind, name)
        assert await stored(runtime, threads) == before
        assert before[1:3] == [1, 1]
        assert before[4] == [True, False]
    assert provider.requests == []


def assert_problem(answer: httpx.Response, status: int, kind: str, name: str) -> None:
    assert answer.status_code == status, (name, answer.text)
    assert answer.headers["content-type"] == "application/problem+json", name
    problem = answer.json()
    assert (problem["type"], problem["status"]) == (f"/problems/{kind}", status), name
    assert problem["instance"].endswith(answer.headers["x-request-id"])
    assert not {"set-cookie"} & set(answer.headers)


async def test_a_header_of_the_caller_is_not_sent_back_with_lines_of_its_own(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    injected = {"X-Request-Id": "a b: c", "Last-Event-ID": "1.1 <x>"}
    answer = await client.get("/v1/runs/none/events", headers=injected)
    assert answer.status_code == 404
    assert answer.headers["x-request-id"] != injected["X-Request-Id"]
    for path in ("/v1/runs/a%0d%0aSet-Cookie:%20b", "/v1/threads/a%0d%0aSet-Cookie:%20b"):
        answer = await client.get(path)
        assert answer.status_code == 422
        assert "set-cookie" not in answer.headers
    assert (await runtime.runs.page())[0] == []


@pytest.mark.parametrize(
    "path",
    [
        "/v1/runs?cursor=a%00_b",
        "/v1/runs?cursor=nothing",
        "/v1/runs?since=%00",
        "/v1/runs?since=yesterday",
        "/v1/runs?thread_id=%00",
        "/v1/runs?nothing=1",
        "/v1/usage?since=%00",
        "/v1/usage?since=yesterday",
        "/v1/enrichments?since=%00",
        "/v1/enrichments?since=yesterday",
        "/v1/enrichments?limit=0",
        "/v1/memory?limit=1000000",
    ],
)
async def test_a_wrong_parameter_is_said_to_be_wrong(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
