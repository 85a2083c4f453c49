"""What can be read of runs and threads: pages, steps, evidence, answers, enrichments, usage."""

from itertools import pairwise
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from graph.runtime import Runtime
from lab.faults import Status
from lab.minimax import MiniMaxDouble
from tests.conftest import DATABASES

pytestmark = pytest.mark.parametrize("database", DATABASES, indirect=True)

ORCHESTRATOR, ANALYST = "MiniMax-M3", "MiniMax-M2.5"
OWNER = {"question": "Who owns cart-service?"}
SLOW = {"question": "checkout-service is slow since half an hour. What is wrong?"}


async def asked(client: httpx.AsyncClient, body: dict[str, Any] = SLOW) -> dict[str, Any]:
    answer = await client.post("/v1/investigations", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def read(client: httpx.AsyncClient, path: str) -> Any:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_pages_of_seven_hold_each_of_25_runs_once_also_while_new_ones_come_in(
    client: httpx.AsyncClient,
) -> None:
    before = [(await asked(client, OWNER))["run_id"] for _ in range(25)]
    listed: list[str] = []
    sizes = []
    cursor = ""
    while True:
        page = await read(client, f"/v1/runs?limit=7{cursor}")
        listed += [run["run_id"] for run in page["items"]]
        sizes.append(len(page["items"]))
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
        await asked(client, OWNER)
    assert sizes == [7, 7, 7, 4]
    assert listed == before[::-1]
    assert len((await read(client, "/v1/runs?limit=100"))["items"]) == 28


async def test_runs_are_listed_by_thread_status_and_time(
    client: httpx.AsyncClient, provider: MiniMaxDouble
) -> None:
    first = await asked(client, {**OWNER, "thread_id": "t"})
    provider.queue(ORCHESTRATOR, Status(402, "insufficient balance (1008)"))
    failed = await asked(client, OWNER)
    since = (await read(client, f"/v1/runs/{failed['run_id']}"))["asked_at"]
    for wanted, expected in (
        ("thread_id=t", [first["run_id"]]),
        ("status=failed", [failed["run_id"]]),
        (f"since={since}", [failed["run_id"]]),
        ("since=2099-01-01T00:00:00Z", []),
        ("status=queued", []),
    ):
        items = (await read(client, f"/v1/runs?{wanted}"))["items"]
        assert [run["run_id"] for run in items] == expected, wanted


async def test_a_run_says_what_it_found_and_used_and_usage_sums_it_up(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    answered = await asked(client)
    await runtime.enrichment(answered["run_id"])
    run: dict[str, Any] = {}
    while not run.get("analyst_output_tokens"):
        # The receipt is written first.
        run = await read(client, f"/v1/runs/{answered['run_id']}")
    spent = answered["spent"]
    assert run["root_cause"] == answered["report"]["root_cause"]["component"]
    for name in ("visits", "tool_calls", "input_tokens", "output_tokens", "cost_usd"):
        assert run[name] == spent[name] > 0
    usage = await read(client, "/v1/usage")
    assert usage["runs"] == {"done": 1}
    for name in ("tool_calls", "input_tokens", "analyst_input_tokens", "analyst_output_tokens"):
        assert usage[name] == run[name] > 0
    later = await read(client, "/v1/usage?since=2099-01-01T00:00:00Z")
    assert (later["runs"], later["tool_calls"]) == ({}, 0)


async def test_the_evidence_of_a_run_is_its_own_and_is_what_the_report_cites(
    client: httpx.AsyncClient,
) -> None:
    first = await asked(client, {**OWNER, "thread_id": "t"})
    second = await asked(client, {**SLOW, "thread_id": "t"})
    entries = (await read(client, f"/v1/runs/{second['run_id']}/evidence"))["items"]
    assert len(entries) == second["spent"]["tool_calls"]
    assert all(entry["content"] and entry["turn_id"] == second["run_id"] for entry in entries)
    cited = {citation["id"] for citation in second["report"]["evidence"]}
    assert cited
    assert cited <= {entry["id"] for entry in entries}
    earlier = (await read(client, f"/v1/runs/{first['run_id']}/evidence"))["items"]
    assert earlier
    assert not {entry["id"] for entry in earlier} & {entry["id"] for entry in entries}


async def test_each_step_has_the_state_before_and_after_it(client: httpx.AsyncClient) -> None:
    await asked(client, {**OWNER, "thread_id": "t"})
    run_id = (await asked(client, {**SLOW, "thread_id": "t"}))["run_id"]
    steps = (await read(client, f"/v1/runs/{run_id}/steps"))["items"]
    full = [await read(client, f"/v1/runs/{run_id}/steps/{step['number']}") for step in steps]
    assert [step["number"] for step in steps] == list(range(1, len(steps) + 1))
    assert full[-1]["nodes"] == ["respond"]
    assert {"plan", "tool"} <= {node for step in steps for node in step["nodes"]}
    for step, shown in zip(steps, full, strict=True):
        assert {name: shown[name] for name in step} == step
        differs = {
            name
            for name, value in shown["after"].items()
            if value != shown["before"].get(name) and shown["before"].get(name, value) != value
        }
        assert differs <= set(step["changed"])
    for one, following in pairwise(full):
        assert one["after"] == following["before"]
    assert full[-1]["after"]["report"]["root_cause"]["component"] == "pricing-service"
    assert full[0]["before"]["report"] is None
    for number in (0, len(steps) + 1, 10**30):
        missing = await client.get(f"/v1/runs/{run_id}/steps/{number}")
        assert missing.status_code == 404
        assert missing.headers["content-type"] == "application/problem+json"


async def test_a_thread_holds_its_questions_and_answers_in_order(
    client: httpx.AsyncClient,
) -> None:
    answers = [await asked(client, {**OWNER, "thread_id": "t"}) for _ in range(2)]
    thread = await read(client, "/v1/threads/t")
    assert thread["running"] is None
    assert [(entry["role"], entry["content"]) for entry in thread["messages"]] == [
        pair
        for answer in answers
        for pair in (("user", OWNER["question"]), ("assistant", answer["answer"]))
    ]


async def test_tools_are_listed_with_the_sources_it_does_without(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    tools = await read(client, "/v1/tools")
    assert [tool["name"] for tool in tools["items"]] == [t.name for t in runtime.toolset.tools]
    assert all(tool["description"] for tool in tools["items"])
    assert tools["disabled"]["aws"] == "AWS_REGION is not set"


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/v1/runs/none", "run-unknown"),
        ("GET", "/v1/runs/none/events", "run-unknown"),
        ("GET", "/v1/runs/none/answer", "run-unknown"),
        ("GET", "/v1/runs/none/evidence", "run-unknown"),
        ("GET", "/v1/runs/none/steps", "run-unknown"),
        ("GET", "/v1/runs/none/steps/1", "run-unknown"),
        ("POST", "/v1/runs/none/cancel", "run-unknown"),
        ("GET", "/v1/threads/none", "not-found"),
        ("GET", "/v1/enrichments/none", "not-found"),
        ("GET", "/v1/memory/none", "not-found"),
        ("POST", "/v1/memory/none/retire", "not-found"),
        ("GET", "/v1/nothing", "not-found"),
    ],
)
async def test_what_is_not_known_is_a_problem_that_says_so(
    client: httpx.AsyncClient, method: str, path: str, kind: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"/problems/{kind}"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/runs",
        "/v1/runs/r",
        "/v1/runs/r/answer",
        "/v1/runs/r/evidence",
        "/v1/runs/r/steps",
        "/v1/runs/r/steps/1",
        "/v1/threads",
        "/v1/threads/t",
        "/v1/enrichments",
        "/v1/enrichments/r",
        "/v1/memory",
        "/v1/memory/m",
        "/v1/usage",
    ],
)
async def test_a_database_that_went_away_is_said_by_every_route_that_reads(
    client: httpx.AsyncClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def away(*_args: object, **_kwargs: object) -> None:
        raise OperationalError("SELECT", {}, ConnectionError("it is away"))

    monkeypatch.setattr(AsyncEngine, "connect", away)
    monkeypatch.setattr(type(runtime.storage.store), "abatch", away)
    monkeypatch.setattr(type(runtime.storage.saver), "aget_tuple", away)
    answer = await client.get(path)
    assert answer.status_code == 503, answer.text
    assert answer.json()["type"] == "/problems/state-unavailable"
    assert "it is away" in answer.json()["detail"]
    assert answer.headers["Retry-After"] == "5"


async def test_an_enrichment_that_failed_is_run_again_when_asked(
    client: httpx.AsyncClient, runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.queue(ANALYST, Status(402, "insufficient balance (1008)"))
    run_id = (await asked(client))["run_id"]
    await runtime.enrichment(run_id)
    failed = (await read(client, "/v1/enrichments?status=failed"))["items"]
    assert [receipt["turn_id"] for receipt in failed] == [run_id]
    retried = await client.post(f"/v1/enrichments/{run_id}/retry", json={"timeout_s": 20})
    assert (retried.status_code, retried.json()["status"]) == (202, "pending")
    await runtime.enrichment(run_id)
    assert (await read(client, f"/v1/enrichments/{run_id}"))["status"] == "stored"
    unknown = await client.post("/v1/enrichments/none/retry", json={})
    assert unknown.status_code == 409
    assert unknown.json()["type"] == "/problems/enrichment-refused"
