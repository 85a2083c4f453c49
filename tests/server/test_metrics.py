"""The metrics: after turns and enrichments they say what the wire saw, and nothing else."""

import asyncio
import json
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from graph.errors import StateUnavailable
from graph.observers import Observer, Work
from graph.runtime import Runtime, open_runtime
from graph.state import Exchange
from lab import datadog
from lab.faults import Hang, Status
from lab.incident import load
from lab.minimax import MiniMaxDouble, Reply, calling
from lab.story import Story
from tests.conftest import MakeSettings, OpenRuntime
from tests.server.conftest import application, client_of
from tests.server.watching import Ends

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
ORCHESTRATOR, ANALYST = "MiniMax-M3", "MiniMax-M2.5"
QUESTION = {"question": "checkout-service is slow since half an hour. What is wrong?"}
Samples = dict[tuple[str, ...], float]
"""By the name and the values of the labels, these in the order of the labels' names."""


async def scraped(client: httpx.AsyncClient) -> Samples:
    answer = await client.get("/metrics")
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def named(samples: Samples, name: str) -> dict[tuple[str, ...], float]:
    """What is not zero of the samples of that name."""
    return {key[1:]: value for key, value in samples.items() if key[0] == name and value}


@asynccontextmanager
async def asking(runtime: Runtime) -> AsyncIterator[tuple[httpx.AsyncClient, Ends]]:
    """A client of the application, and who knows when its metrics know of an enrichment."""
    async with application(runtime) as app, client_of(app) as client:
        yield client, Ends(runtime)


async def asked(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.post("/v1/investigations", json=QUESTION)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def spoken(provider: MiniMaxDouble) -> list[tuple[str, dict[str, Any]]]:
    """From now on: the model and the message of each answer of the policy."""
    said: list[tuple[str, dict[str, Any]]] = []
    policy = provider.policy

    def listened(body: dict[str, Any]) -> dict[str, Any]:
        message = policy(body)
        said.append((body["model"], message))
        return message

    provider.policy = listened
    return said


async def test_after_a_turn_and_its_enrichment_the_numbers_are_those_of_the_wire(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    said = spoken(provider)
    async with asking(runtime) as (client, ends):
        turn = await asked(client)
        await ends.wait_for(turn["run_id"])
        # Its receipt comes before the end of its step.
        await runtime.enrichment(turn["run_id"])
        samples = await scraped(client)
        usage = (await client.get("/v1/usage")).json()
    assert named(samples, "netforge_turns_total") == {("http", "done"): 1}
    assert named(samples, "netforge_turn_duration_seconds_count") == {("done",): 1}
    assert named(samples, "netforge_enrichments_total") == {("stored",): 1}
    for role, model in (("orchestrator", ORCHESTRATOR), ("analyst", ANALYST)):
        requests = provider.of(model)
        sent = sum(len(json.dumps(seen.body["messages"])) // 4 for seen in requests)
        written = sum(len(json.dumps(message)) // 4 for name, message in said if name == model)
        assert samples["netforge_model_calls_total", role, "ok"] == len(requests) > 0
        assert samples["netforge_model_call_duration_seconds_count", role] == len(requests)
        assert samples["netforge_model_tokens_total", "input", role] == sent
        assert samples["netforge_model_tokens_total", "output", role] == written
    costs = named(samples, "netforge_model_cost_usd_total")
    assert costs["orchestrator",] == pytest.approx(usage["cost_usd"])
    assert costs["analyst",] == pytest.approx(usage["analyst_cost_usd"])
    calls = Counter(
        call["function"]["name"]
        for name, message in said
        if name == ORCHESTRATOR
        for call in message.get("tool_calls", [])
    )
    del calls["conclude"]
    by_tool = named(samples, "netforge_tool_calls_total")
    assert {tool: count for (_, _, tool), count in by_tool.items()} == calls
    steps = {"plan": len(provider.of(ORCHESTRATOR)), "tool": calls.total()}
    visits = {node: count for (node,), count in named(samples, "netforge_steps_total").items()}
    assert visits == {**steps, "respond": 1, "enrich": 1}


async def test_a_tool_that_fails_is_counted_with_its_source(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    looks = calling(
        ("search_monitors", {}), ("find_services", {"query": "cart"}), ("find_services", {"q": 1})
    )
    provider.queue(ORCHESTRATOR, looks, Reply({"content": "It was looked at."}))
    story = Story(load("bad-deploy"), datetime.now(UTC))
    async with datadog.serve(story) as double:
        double.always(Status(403, "Forbidden"))
        keys = {"dd_api_key": double.api_key, "dd_app_key": double.app_key}
        async with (
            open_lab(enrichment=False, dd_api_url=double.url, **keys) as runtime,
            asking(runtime) as (client, _),
        ):
            await asked(client)
            counted = named(await scraped(client), "netforge_tool_calls_total")
    assert counted == {
        ("datadog", "error", "search_monitors"): 1,
        ("neo4j", "ok", "find_services"): 1,
        ("arguments", "error", "find_services"): 1,
    }


async def test_a_model_that_fails_is_counted_with_its_kind(
    runtime: Runtime, provider: MiniMaxDouble
) -> None:
    provider.always(ORCHESTRATOR, Status(402, "insufficient balance (1008)"))
    async with asking(runtime) as (client, ends):
        turn = await asked(client)
        await ends.wait_for(turn["run_id"])
        samples = await scraped(client)
    assert named(samples, "netforge_model_calls_total") == {("orchestrator", "balance"): 1}
    assert named(samples, "netforge_model_tokens_total") == {}
    assert named(samples, "netforge_turns_total") == {("http", "failed"): 1}
    assert named(samples, "netforge_enrichments_total") == {("skipped",): 1}


async def test_an_analyst_that_is_cut_off_is_counted_as_cancelled_and_the_enrichment_as_timeout(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.always(ANALYST, Hang())
    async with open_lab(enrichment_timeout_s=0.3) as runtime, asking(runtime) as (client, ends):
        turn = await asked(client)
        await ends.wait_for(turn["run_id"])
        samples = await scraped(client)
    assert samples["netforge_model_calls_total", "analyst", "cancelled"] == 1
    assert named(samples, "netforge_enrichments_total") == {("timeout",): 1}


async def test_what_waits_and_runs_is_the_backlog(
    open_lab: OpenRuntime, provider: MiniMaxDouble
) -> None:
    provider.always(ANALYST, Hang())
    async with (
        open_lab(enrichment_concurrency=1, enrichment_timeout_s=1) as runtime,
        asking(runtime) as (client, ends),
    ):
        turns = [await asked(client) for _ in range(2)]
        await provider.wait_for(ANALYST, 1)
        provider.always(ORCHESTRATOR, Hang())
        unfinished = await client.post(
            "/v1/investigations", json=QUESTION, headers={"Prefer": "respond-async"}
        )
        await provider.wait_for(ORCHESTRATOR, len(provider.of(ORCHESTRATOR)) + 1)
        samples = await scraped(client)
        await client.post(f"/v1/runs/{unfinished.json()['run_id']}/cancel")
        ended = await scraped(client)
        for turn in turns:
            await ends.wait_for(turn["run_id"])
    assert named(samples, "netforge_enrichment_jobs") == {("running",): 1, ("waiting",): 1}
    assert named(samples, "netforge_turns_unfinished") == {("running",): 1}
    assert named(ended, "netforge_turns_unfinished") == {}
    assert ended["netforge_turns_total", "http", "cancelled"] == 1


async def test_a_database_that_is_away_leaves_the_counters_and_says_so(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> dict[str, int]:
        raise StateUnavailable("the queue cannot be used")

    async with asking(runtime) as (client, _):
        before = await scraped(client)
        monkeypatch.setattr(runtime.queue, "count", away)
        after = await scraped(client)
    assert (before["netforge_database_up",], after["netforge_database_up",]) == (1, 0)
    assert ("netforge_enrichment_jobs", "waiting") in before
    assert not [name for name, *_ in after if name == "netforge_enrichment_jobs"]
    assert after["netforge_http_requests_total", "GET", "/metrics", "200"] == 1


async def test_requests_are_counted_by_the_route_as_it_is_written(runtime: Runtime) -> None:
    async with asking(runtime) as (client, _):
        for path in ("/v1/runs/one", "/v1/runs/two", "/nothing/of/ours", "/v1/runs?limit=x"):
            await client.get(path)
        await client.request("BREW", "/healthz")
        counted = named(await scraped(client), "netforge_http_requests_total")
    assert counted == {
        ("GET", "/v1/runs/{run_id}", "404"): 2,
        ("GET", "other", "404"): 1,
        ("GET", "/v1/runs", "422"): 1,
        ("other", "/healthz", "405"): 1,
    }


async def test_two_runtimes_do_not_mix(lab_settings: MakeSettings, tmp_path: Path) -> None:
    settings = lab_settings(enrichment=False)
    beside = settings.model_copy(update={"state_dir": tmp_path / "beside"})
    async with (
        open_runtime(settings) as one,
        open_runtime(beside) as other,
        asking(one) as (first, _),
        asking(other) as (second, _),
    ):
        await asked(first)
        both = [await scraped(first), await scraped(second)]
    assert [named(samples, "netforge_turns_total") for samples in both] == [
        {("http", "done"): 1},
        {},
    ]
    assert named(both[1], "netforge_steps_total") == {}


async def test_an_observer_that_fails_breaks_no_turn_and_is_logged_without_results(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Observer):
        def exchange_ended(
            self,
            work: Work | None,  # noqa: ARG002
            exchange: Exchange,  # noqa: ARG002
        ) -> None:
            raise ValueError("the observer broke")

    runtime.observers.add(Failing())
    async with asking(runtime) as (client, _):
        answer = await asked(client)
        samples = await scraped(client)
    assert answer["report"]["root_cause"]["component"] == "pricing-service"
    assert named(samples, "netforge_turns_total") == {("http", "done"): 1}
    logged = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert {record.name for record in logged} == {"asyncio"}
    assert "the observer broke" in caplog.text
    assert not [record for record in logged if "digest" in record.getMessage()]


async def test_with_tokens_the_metrics_want_one(open_lab: OpenRuntime) -> None:
    token = "t" * 32
    async with (
        open_lab(api_tokens=f"prometheus:{token}") as runtime,
        application(runtime) as app,
        client_of(app) as stranger,
        client_of(app, token) as known,
    ):
        answers = await asyncio.gather(stranger.get("/metrics"), known.get("/metrics"))
    assert [answer.status_code for answer in answers] == [401, 200]
    assert answers[1].headers["content-type"].startswith("text/plain; version=")


async def test_the_page_lists_every_metric_with_its_labels(runtime: Runtime) -> None:
    async with asking(runtime) as (client, _):
        text = (await client.get("/metrics")).text
    made = set(re.findall(r"^# TYPE (netforge_\w+) (?:counter|gauge|histogram)$", text, re.M))
    created = {name for name in made if name.endswith("_created")}
    assert set(re.findall(r"^\| `(netforge_\w+)` \|", PAGE.read_text(), re.M)) == made - created
