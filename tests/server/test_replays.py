"""A run over HTTP after it has ended: rerun offline, exported, compared."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from graph.runs import Runs
from graph.runtime import Runtime
from lab.minimax import MiniMaxDouble
from replay.file.document import from_text, to_text
from replay.library import Library
from replay.recording import Recording, changes
from replay.running.rerun import rerun
from server.routes import replays
from tests.conftest import DATABASES

pytestmark = pytest.mark.parametrize("database", DATABASES, indirect=True)

SECRET = "AKIAQ4XLMN7ZP2RSTUVW"
SLOW = {"question": "checkout-service is slow since half an hour. What is wrong?"}


async def ended(client: httpx.AsyncClient, runtime: Runtime, body: dict[str, Any] = SLOW) -> str:
    """The id of a run that has ended, and its enrichment too."""
    answer = await client.post("/v1/investigations", json=body)
    assert answer.status_code == 200, answer.text
    run_id = str(answer.json()["run_id"])
    await runtime.enrichment(run_id)
    return run_id


async def exported(client: httpx.AsyncClient, run_id: str) -> str:
    answer = await client.get(f"/v1/runs/{run_id}/export")
    assert answer.status_code == 200, answer.text
    return answer.text


def library(runtime: Runtime) -> Library:
    return Library(runtime.graph, runtime.runs, runtime.receipts, runtime.storage.engine)


async def imported(runtime: Runtime, text: str, edit: Callable[[Recording], Recording]) -> str:
    """The id of a run that was imported after somebody edited it and sealed it again."""
    found = edit(from_text(text))
    run = {**found.run, "run_id": "imported"}
    await library(runtime).keep(to_text(replace(found, run=run)))
    return "imported"


def asked_otherwise(recording: Recording, question: str) -> Recording:
    """The recording with another question in the state that its turn began with."""
    first, *rest = recording.segments
    [*earlier, message] = first.start["messages"]
    start = {**first.start, "messages": [*earlier, {**message, "content": question}]}
    return replace(recording, segments=[replace(first, start=start), *rest])


def without_its_setup(recording: Recording) -> Recording:
    """As an earlier version kept it."""

    def kept(state: dict[str, Any]) -> dict[str, Any]:
        tape = [entry for entry in state.get("exchanges", []) if entry["kind"] != "setup"]
        return {**state, "exchanges": tape} if "exchanges" in state else state

    segments = []
    for segment in recording.segments:
        states = [kept(state) for state in segment.states()]
        steps = [
            replace(step, changes=changes(before, after))
            for step, (before, after) in zip(segment.steps, pairwise(states), strict=True)
        ]
        segments.append(replace(segment, start=states[0], steps=steps))
    return replace(recording, segments=segments)


def kind_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, str(answer.json()["type"]).removeprefix("/problems/")


async def test_a_rerun_of_a_run_is_the_same_and_asks_nobody(
    client: httpx.AsyncClient, runtime: Runtime, provider: MiniMaxDouble
) -> None:
    run_id = await ended(client, runtime)
    provider.requests.clear()
    answer = await client.post(f"/v1/runs/{run_id}/rerun")
    assert answer.status_code == 200, answer.text
    verdict = answer.json()
    exchanges = verdict.pop("exchanges")
    assert verdict == {
        "run_id": run_id,
        "verdict": "same",
        "at": None,
        "message": "",
        "lines": [],
        "changed": [],
    }
    recording = await library(runtime).recording(run_id)
    assert exchanges == len(list(recording.exchanges())) > 10
    assert {segment.of for segment in recording.segments} == {"turn", "enrichment"}
    assert provider.requests == []


async def test_an_imported_run_that_goes_another_way_is_answered_with_where_and_what(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    text = await exported(client, await ended(client, runtime))
    other = "cart-service is slow. What is wrong?"
    run_id = await imported(runtime, text, lambda found: asked_otherwise(found, other))
    answer = await client.post(f"/v1/runs/{run_id}/rerun")
    assert answer.status_code == 200, answer.text
    verdict = answer.json()
    assert (verdict["verdict"], verdict["at"]) == ("diverged", "plan#1")
    assert verdict["message"]
    assert any(line.startswith("+") and other in line for line in verdict["lines"])
    assert not any(line.startswith("-") and other in line for line in verdict["lines"])


async def test_an_exported_file_is_named_after_its_run_and_reruns_the_same(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    run_id = await ended(client, runtime)
    answer = await client.get(f"/v1/runs/{run_id}/export")
    assert answer.headers["content-type"] == "application/jsonl"
    named = f'attachment; filename="{run_id}.tape.jsonl"'
    assert answer.headers["content-disposition"] == named
    recording = from_text(answer.text)
    assert recording.run_id == run_id
    verdict, _ = await rerun(recording)
    assert verdict.kind == "same"


async def test_a_secret_that_was_typed_leaves_in_no_file(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    question = f"checkout-service is slow, its key is {SECRET}. What is wrong?"
    run_id = await ended(client, runtime, {"question": question})
    assert (await client.get(f"/v1/runs/{run_id}")).json()["question"] == question
    text = await exported(client, run_id)
    assert SECRET not in text
    verdict, _ = await rerun(from_text(text))
    assert verdict.kind == "same"


async def test_what_cannot_be_freed_of_a_secret_is_not_exported(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    text = await exported(client, await ended(client, runtime))
    run_id = await imported(runtime, text, lambda found: asked_otherwise(found, SECRET))
    answer = await client.get(f"/v1/runs/{run_id}/export")
    assert kind_of(answer) == (409, "export-refused")
    assert answer.json()["detail"].startswith("not exported: ")
    assert SECRET not in answer.text


async def test_what_kept_too_little_to_be_run_is_refused_with_the_reason(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    text = await exported(client, await ended(client, runtime))
    run_id = await imported(runtime, text, without_its_setup)
    answer = await client.post(f"/v1/runs/{run_id}/rerun")
    assert kind_of(answer) == (409, "unreadable-recording")
    assert "kept too little to run it again" in answer.json()["detail"]
    assert from_text(await exported(client, run_id)).run_id == run_id


async def test_reruns_wait_for_each_other_and_other_answers_do_not(
    client: httpx.AsyncClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await ended(client, runtime)
    at_work: list[int] = []
    running = 0

    async def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal running
        running += 1
        at_work.append(running)
        # Only so that it is surely there at the same time as the rerun.
        assert (await client.get(f"/v1/runs/{run_id}")).status_code == 200
        found = await rerun(*arguments, **options)
        running -= 1
        return found

    monkeypatch.setattr(replays, "rerun", counted)
    paths = [f"/v1/runs/{run_id}/rerun"] * 8
    answers = await asyncio.gather(*(client.post(path) for path in paths))
    assert [answer.json()["verdict"] for answer in answers] == ["same"] * 8
    assert at_work == [1] * 8


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "rerun"), ("GET", "export"), ("GET", "diff/none")]
)
async def test_a_run_that_is_not_known_is_a_problem_that_says_so(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await client.request(method, f"/v1/runs/none/{path}")
    assert kind_of(answer) == (404, "run-unknown")
    assert answer.json()["detail"] == "no run none is known here, and none was imported"
    assert (await client.request(method, f"/v1/runs/a%20b/{path}")).status_code == 422


async def test_a_run_is_compared_with_itself_with_what_was_imported_and_with_another(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    one, other = [await ended(client, runtime) for _ in range(2)]
    owner = await ended(client, runtime, {"question": "Who owns cart-service?"})
    itself = await client.get(f"/v1/runs/{one}/diff/{one}")
    assert itself.status_code == 200, itself.text
    assert itself.json()["same"] is True
    assert itself.json()["counts"]["same"] == itself.json()["counts"]["a"] > 10
    imported_id = await imported(runtime, await exported(client, one), lambda found: found)
    brought_in = await client.get(f"/v1/runs/{one}/diff/{imported_id}")
    assert brought_in.json()["b"]["run_id"] == imported_id
    found = (await client.get(f"/v1/runs/{other}/diff/{owner}")).json()
    assert found["same"] is False
    assert (found["a"]["run_id"], found["b"]["run_id"]) == (other, owner)
    assert found["counts"]["only_a"] > 0
    differ = {entry["name"]: entry for entry in found["outcome"]}
    assert (differ["root_cause"]["a"], differ["root_cause"]["b"]) == ("pricing-service", None)
    known = await client.get(f"/v1/runs/{one}/diff/none")
    assert kind_of(known) == (404, "run-unknown")


async def test_what_has_changed_since_is_told_by_the_settings_of_this_server(
    client: httpx.AsyncClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await ended(client, runtime)
    monkeypatch.setenv("ORCHESTRATOR_MODEL", "minimax/MiniMax-M2")
    assert (await client.post(f"/v1/runs/{run_id}/rerun")).json()["changed"] == []


def _away(*_args: object, **_kwargs: object) -> None:
    raise OperationalError("SELECT", {}, ConnectionError("it is away"))


async def test_a_database_that_is_away_is_told_as_such_and_gives_the_place_back(
    client: httpx.AsyncClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await ended(client, runtime)
    with monkeypatch.context() as patched:
        patched.setattr(Runs, "get", _away)
        answers = [await client.post(f"/v1/runs/{run_id}/rerun") for _ in range(2)]
    assert [kind_of(answer) for answer in answers] == [(503, "state-unavailable")] * 2
    assert answers[0].headers["Retry-After"] == "5"
    assert (await client.post(f"/v1/runs/{run_id}/rerun")).json()["verdict"] == "same"
