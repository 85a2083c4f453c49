"""Requests made from the served OpenAPI document, right ones and wrong ones, by schemathesis."""

import asyncio
import contextlib
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import strategies
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.conftest import OpenRuntime
from tests.server.conftest import listening

TOKEN = "a" * 32
CASES = {GenerationMode.POSITIVE: 50, GenerationMode.NEGATIVE: 60}
"""Of each operation."""
AT_LEAST = 2000
BY_MEANING = {
    f"/problems/{name}"
    for name in ("invalid-question", "invalid-cursor", "key-reused", "fork-refused")
}
"""What is refused although it has the right form: a blank question, a budget above ours."""
ANYTHING = ("/body/alert", "/body/set")
"""Fields that are objects of any form."""


@pytest.mark.timeout(300)
async def test_every_answer_is_one_that_the_document_describes(open_lab: OpenRuntime) -> None:
    allowed = {"requests_per_minute": 1_000_000, "api_tokens": {"alice": TOKEN}}
    async with open_lab(**allowed, fork_callers="alice") as runtime, listening(runtime) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        asked = {"question": "checkout-service is slow. What is wrong?", "thread_id": "t"}
        run_id = (await client.post("/v1/investigations", json=asked)).json()["run_id"]
        await runtime.enrichment(run_id)
        [item, *_] = (await client.get("/v1/memory")).json()["items"]
        known = {"run_id": run_id, "other": run_id, "thread_id": "t", "item_id": item["id"]}
        known["number"] = 1
        checked = await asyncio.to_thread(check, str(client.base_url).rstrip("/"), known)
    for operation, found in checked.items():
        statuses = dict(sorted(found.answered.items()))
        print(f"{found.answered.total():5} {operation}: {statuses}")  # noqa: T201
    total = sum(found.answered.total() for found in checked.values())
    print(f"{total:5} cases over {len(checked)} operations")  # noqa: T201
    wrong = [text for found in checked.values() for text in found.wrong.values()]
    assert not wrong, "\n".join(wrong)
    assert total >= AT_LEAST


@dataclass
class Found:
    """What came of the cases of an operation."""

    answered: Counter[int] = field(default_factory=Counter)
    wrong: dict[str, str] = field(default_factory=dict)
    """By title, one each."""


def check(url: str, known: dict[str, Any]) -> dict[str, Found]:
    """Ask for each operation, whatever came of the one before."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    checked: dict[str, Found] = {}
    with requests.Session() as session:
        for result in schema.get_all_operations():
            assert isinstance(result, Ok), result
            operation = result.ok()
            found = checked[operation.label] = Found()
            for mode, cases in CASES.items():
                made = operation.as_strategy(generation_mode=mode)
                run(made, cases, ask(session, known, found))
    return checked


def ask(
    session: requests.Session, known: dict[str, Any], found: Found
) -> Callable[[Any, bool], None]:
    headers = {"Authorization": f"Bearer {TOKEN}"}

    def one(case: Any, there: bool) -> None:
        if there and case.meta.generation.mode is GenerationMode.POSITIVE:
            named = {name: known[name] for name in case.path_parameters if name in known}
            case.path_parameters.update(named)
        response = case.call(session=session, headers=headers, timeout=30)
        found.answered[response.status_code] += 1
        excluded = [positive_data_acceptance] if refused_by_meaning(response) else []
        sent = parse_qs(urlsplit(response.request.url).query, keep_blank_values=True)
        if set(case.query or {}) - set(sent):
            # An empty value is left out of the address, and with it what would have been wrong.
            excluded.append(negative_data_rejection)
        try:
            case.validate_response(response, headers=headers, excluded_checks=excluded)
        except FailureGroup as failed:
            found.wrong |= {wrong.title: f"{wrong}\n{failed}" for wrong in failed.exceptions}

    return one


def refused_by_meaning(response: Any) -> bool:
    """Whether it is refused for what the document cannot say; of ANYTHING, what it holds."""
    if response.status_code != HTTPStatus.UNPROCESSABLE_ENTITY:
        return False
    problem = response.json()
    wrong = [error["pointer"].startswith(ANYTHING) for error in problem.get("errors", [])]
    return problem["type"] in BY_MEANING or (bool(wrong) and all(wrong))


def run(made: Any, cases: int, one: Callable[[Any, bool], None]) -> None:
    settings = hypothesis.settings(
        max_examples=cases,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    with warnings.catch_warnings():
        # The server, in the other thread, uses `random` at the same time.
        warnings.simplefilter("ignore", hypothesis.errors.HypothesisDeprecationWarning)
        # What takes no parameters cannot be asked wrongly.
        with contextlib.suppress(hypothesis.errors.Unsatisfiable):
            settings(hypothesis.given(made, strategies.booleans())(one))()
