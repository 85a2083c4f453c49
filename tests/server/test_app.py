"""The HTTP endpoints, on a running NetForge."""

import asyncio
from typing import Any

import httpx
import pytest

from graph.runtime import Runtime
from lab.faults import Status
from lab.minimax import MiniMaxDouble

QUESTION = "checkout-service is slow since half an hour. What is wrong?"


async def test_an_investigation_is_answered_and_its_enrichment_can_be_read(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    answered = await client.post("/v1/investigations", json={"question": QUESTION})
    assert answered.status_code == 200
    body = answered.json()
    assert body["report"]["root_cause"]["component"] == "pricing-service"
    assert "**Root cause: pricing-service**" in body["answer"]
    assert body["enrichment"]["status"] == "pending"
    await runtime.enrichment(body["run_id"])
    receipt = await client.get(f"/v1/enrichments/{body['run_id']}")
    assert (receipt.status_code, receipt.json()["status"]) == (200, "stored")


async def test_a_thread_goes_on_where_it_was(
    client: httpx.AsyncClient, provider: MiniMaxDouble
) -> None:
    question = {"question": "Who owns cart-service?"}
    first = (await client.post("/v1/investigations", json=question)).json()
    following = {"question": "And checkout-service?", "thread_id": first["thread_id"]}
    second = (await client.post("/v1/investigations", json=following)).json()
    assert second["thread_id"] == first["thread_id"]
    assert second["run_id"] != first["run_id"]
    sent = provider.of("MiniMax-M3")[-1].body["messages"]
    assert question["question"] in [message["content"] for message in sent]


async def test_a_provider_that_fails_is_an_answer_that_says_so(
    client: httpx.AsyncClient, provider: MiniMaxDouble
) -> None:
    provider.always("MiniMax-M3", Status(402, "insufficient balance (1008)"))
    body = (await client.post("/v1/investigations", json={"question": QUESTION})).json()
    assert body["failure"]["kind"] == "balance"
    assert "top up the MiniMax account" in body["answer"]
    assert body["enrichment"]["status"] == "skipped"


async def test_of_two_questions_at_once_on_a_thread_one_is_answered_and_one_refused(
    client: httpx.AsyncClient,
) -> None:
    asked = {"question": "Who owns cart-service?", "thread_id": "t"}
    both = await asyncio.gather(*(client.post("/v1/investigations", json=asked) for _ in range(2)))
    assert sorted(answer.status_code for answer in both) == [200, 409]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"question": ""},
        {"question": "  "},
        {"question": "x" * 8001},
        {"question": "x", "q": 1},
        {"question": "x", "focus": ["y" * 201]},
    ],
    ids=["nothing", "empty", "blank", "too long", "unknown key", "focus too long"],
)
async def test_a_body_that_is_wrong_is_refused(
    client: httpx.AsyncClient, provider: MiniMaxDouble, body: dict[str, Any]
) -> None:
    answer = await client.post("/v1/investigations", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert provider.requests == []


async def test_an_unknown_turn_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/enrichments/nothing")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "no enrichment of turn nothing is known"


async def test_health_says_what_it_does_without(client: httpx.AsyncClient) -> None:
    health = (await client.get("/healthz")).json()
    assert health["status"] == "ok"
    assert health["disabled"] == {
        "datadog": "DD_API_KEY and DD_APP_KEY are not set",
        "aws": "AWS_REGION is not set",
    }
