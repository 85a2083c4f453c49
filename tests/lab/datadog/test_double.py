"""Keys, faults and the journal of the Datadog double, as the official client meets them."""

import asyncio
from typing import Any

import httpx
import pytest
from datadog_api_client.exceptions import ApiException
from datadog_api_client.v1.api.authentication_api import AuthenticationApi
from datadog_api_client.v1.api.monitors_api import MonitorsApi
from urllib3.exceptions import HTTPError

from lab.datadog import DatadogDouble
from lab.faults import Hang, Raw, Reset, Spoiled, Status, Trickle
from tests.lab.datadog.conftest import ask, client_of, read, send, wire_of

MONITORS = "/api/v1/monitor/search"
VALIDATE = "/api/v1/validate"


async def searched(double: DatadogDouble, **keys: str) -> Any:
    """Search the monitors with the official client."""
    api: Any = MonitorsApi
    with client_of(double, **keys) as client:
        return await ask(api(client).search_monitors)


@pytest.mark.parametrize("key", ["apiKeyAuth", "appKeyAuth"])
async def test_a_wrong_key_is_forbidden_in_datadogs_shape(double: DatadogDouble, key: str) -> None:
    with pytest.raises(ApiException) as refused:
        await searched(double, **{key: "wrong"})
    assert (refused.value.status, refused.value.body) == (403, {"errors": ["Forbidden"]})
    assert [seen.status for seen in double.requests] == [403]


@pytest.mark.parametrize("header", ["DD-API-KEY", "DD-APPLICATION-KEY"])
async def test_a_missing_key_is_unauthorized(double: DatadogDouble, header: str) -> None:
    keys = {"DD-API-KEY": double.api_key, "DD-APPLICATION-KEY": double.app_key}
    del keys[header]
    async with wire_of(double, keys) as wire:
        answer = await wire.get(MONITORS)
    assert (answer.status_code, answer.json()) == (401, {"errors": ["Unauthorized"]})


async def test_validating_needs_the_api_key_alone(double: DatadogDouble) -> None:
    api: Any = AuthenticationApi
    with client_of(double, appKeyAuth="wrong") as client:
        assert (await ask(api(client).validate)).valid is True
    with client_of(double, apiKeyAuth="wrong") as client, pytest.raises(ApiException):
        await ask(api(client).validate)


async def test_what_nobody_answers_is_not_found(double: DatadogDouble) -> None:
    answer = await send(double, "GET", "/api/v1/service_dependencies")
    assert (answer.status_code, answer.json()) == (404, {"errors": ["Not found"]})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/monitor"),
        ("PUT", "/api/v1/monitor/7"),
        ("DELETE", "/api/v1/monitor/7"),
        ("PATCH", "/api/v2/incidents/7"),
        ("DELETE", MONITORS),
        ("POST", "/api/v2/series"),
    ],
)
async def test_what_would_write_is_refused_and_stands_in_the_journal(
    double: DatadogDouble, method: str, path: str
) -> None:
    answer = await send(double, method, path, {"name": "x"})
    assert (answer.status_code, answer.json()) == (405, {"errors": ["Method Not Allowed"]})
    [seen] = double.requests
    assert (seen.method, seen.path, seen.body, seen.status) == (method, path, {"name": "x"}, 405)


async def test_the_journal_holds_path_parameters_and_body(double: DatadogDouble) -> None:
    await read(double, MONITORS, query="status:alert", page=0)
    await read(double, "/api/v2/events/search", {"page": {"limit": 1}})
    first, second = double.requests
    assert (first.query, first.body) == ({"query": "status:alert", "page": "0"}, None)
    assert (second.query, second.body) == ({}, {"page": {"limit": 1}})
    assert [seen.status for seen in double.of("/api/v2")] == [200]


async def test_a_body_that_is_no_json_is_refused(double: DatadogDouble) -> None:
    keys = {"DD-API-KEY": double.api_key, "DD-APPLICATION-KEY": double.app_key}
    async with wire_of(double, keys) as wire:
        answer = await wire.post("/api/v2/events/search", content=b"{")
    assert answer.status_code == 400
    assert (await send(double, "POST", "/api/v2/events/search", [1])).status_code == 400


async def test_faults_are_used_up_one_a_request_and_only_where_they_belong(
    double: DatadogDouble,
) -> None:
    double.queue(Status(500), Status(503, "busy"), path="/api/v1/monitor")
    assert (await send(double, "GET", VALIDATE)).status_code == 200
    answers = [await send(double, "GET", MONITORS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [500, 503, 200]
    assert answers[1].json() == {"errors": ["busy"]}


async def test_a_standing_fault_lasts_until_it_is_taken_back(double: DatadogDouble) -> None:
    double.always(Status(500))
    double.always(Status(502), path="/api/v1/monitor")
    for _ in range(2):
        assert (await send(double, "GET", MONITORS)).status_code == 502
        assert (await send(double, "GET", VALIDATE)).status_code == 500
    double.always(None, path="/api/v1/monitor")
    assert (await send(double, "GET", MONITORS)).status_code == 500
    double.always(None)
    assert (await send(double, "GET", MONITORS)).status_code == 200


async def test_a_rate_limit_comes_with_its_headers(double: DatadogDouble) -> None:
    headers = {
        "X-Ratelimit-Limit": "100",
        "X-Ratelimit-Period": "60",
        "X-Ratelimit-Remaining": "0",
        "X-Ratelimit-Reset": "37",
    }
    double.queue(Status(429, "Too many requests", headers))
    with pytest.raises(ApiException) as refused:
        await searched(double)
    assert (refused.value.status, refused.value.body) == (429, {"errors": ["Too many requests"]})
    assert headers.items() <= dict(refused.value.headers).items()


@pytest.mark.parametrize("fault", [Trickle(), Reset()], ids=["trickle", "reset"])
async def test_a_spoiled_answer_never_comes_whole(double: DatadogDouble, fault: Spoiled) -> None:
    double.queue(fault)
    keys = {"DD-API-KEY": double.api_key, "DD-APPLICATION-KEY": double.app_key}
    async with wire_of(double, keys) as wire:
        with pytest.raises((TimeoutError, httpx.RemoteProtocolError, httpx.ReadError)):
            async with asyncio.timeout(0.3):
                await wire.get(MONITORS)


async def test_a_hang_ends_when_the_client_gives_up(double: DatadogDouble) -> None:
    double.queue(Hang())
    with pytest.raises(HTTPError):
        await searched(double)
    seen = await double.wait_for(MONITORS, 1)
    async with asyncio.timeout(2):
        await seen.closed_by_client.wait()
    assert seen.status is None


async def test_a_raw_answer_is_no_json(double: DatadogDouble) -> None:
    double.queue(Raw("<html>bad gateway</html>", 502))
    answer = await send(double, "GET", MONITORS)
    assert (answer.status_code, answer.text) == (502, "<html>bad gateway</html>")


async def test_a_wrong_key_uses_up_no_fault(double: DatadogDouble) -> None:
    double.queue(Status(500))
    with pytest.raises(ApiException):
        await searched(double, apiKeyAuth="wrong")
    assert (await send(double, "GET", MONITORS)).status_code == 500
