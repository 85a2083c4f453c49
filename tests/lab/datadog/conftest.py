"""The Datadog double with a story of the test's own, read by the official client."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar

import httpx
import pytest
from datadog_api_client import ApiClient, Configuration
from urllib3 import Retry

from lab import datadog
from lab.datadog import DatadogDouble
from lab.incident import load
from lab.signals import Declared, Event, Log, Metric, Monitor, Objective, Signals
from lab.story import Story

P = ParamSpec("P")
T = TypeVar("T")

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SIGNALS = Signals(
    began_minutes_ago=30,
    metric=(
        Metric(
            name="hikari.pending",
            tags={"service": "cart-service"},
            unit="connection",
            normal=0,
            now=40,
        ),
    ),
    log=(
        Log(
            service="cart-service",
            level="error",
            message="pricing call {id} timed out after {ms} ms",
            per_min=12,
            since_minutes_ago=30,
        ),
        Log(service="cart-service", level="info", message="cart {n} shown", per_min=60),
        Log(service="api-gateway", level="warn", message="slow upstream {ip}", per_min=6),
    ),
    monitor=(
        Monitor(
            name="Cart is slow",
            service="cart-service",
            query="avg(last_5m):p99:trace.http.request{service:cart-service} > 1000",
            status="Alert",
            minutes_ago=26,
        ),
        Monitor(
            name="Gateway errors",
            service="api-gateway",
            query='logs("status:error").index("*").rollup("count").last("5m") > 100',
            status="Warn",
            minutes_ago=20,
        ),
        Monitor(name="Stock", service="inventory-service", query="avg(x){*} > 1", status="OK"),
        Monitor(name="Report", service="report-worker", query="avg(y){*} > 1", status="No Data"),
    ),
    declared=(
        Declared(
            title="Checkout fails",
            severity="SEV-2",
            state="active",
            service="checkout-service",
            minutes_ago=15,
        ),
        Declared(
            title="Old one",
            severity="SEV-3",
            state="resolved",
            service="search-service",
            minutes_ago=5000,
        ),
    ),
    objective=(
        Objective(
            name="Cart availability",
            service="cart-service",
            target_percent=99.5,
            reached_percent=99.1,
        ),
        Objective(
            name="Search availability",
            service="search-service",
            target_percent=99,
            reached_percent=99.9,
        ),
    ),
    event=(
        Event(
            title="Flag flipped",
            text="new ranking for all",
            source="launchdarkly",
            service="search-service",
            minutes_ago=50,
        ),
    ),
)


def story_of(signals: Signals) -> Story:
    """The shipped bad deploy with these signals, at a moment that stands still."""
    return Story(load("bad-deploy").model_copy(update={"signals": signals}), NOW)


def with_logs(*logs: Log) -> Story:
    """A story that says nothing but these lines."""
    return story_of(Signals(log=logs))


@pytest.fixture
async def double() -> AsyncIterator[DatadogDouble]:
    """The double with its usual story, no faults and an empty journal."""
    async with datadog.serve(story_of(SIGNALS)) as running:
        yield running


LIMIT_S = 5
"""Of a request; a busy machine took longer than a second for one."""


def client_of(double: DatadogDouble, **keys: str) -> ApiClient:
    """The official client on the double, giving up after a while, never asking twice."""
    made: Any = Configuration
    configuration = made(
        host=double.url,
        api_key={"apiKeyAuth": double.api_key, "appKeyAuth": double.app_key, **keys},
        request_timeout=LIMIT_S,
        retry_policy=Retry(0),
    )
    configuration.unstable_operations["search_incidents"] = True
    return ApiClient(configuration)


@pytest.fixture
async def client(double: DatadogDouble) -> AsyncIterator[ApiClient]:
    """The official client with the right keys."""
    with client_of(double) as opened:
        yield opened


async def ask(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call the client off the loop that the double runs on."""
    return await asyncio.to_thread(call, *args, **kwargs)


async def read(double: DatadogDouble, path: str, body: Any = None, **query: Any) -> Any:
    """What the double answers to a request with the right keys: the JSON of a 200."""
    response = await send(double, "GET" if body is None else "POST", path, body, **query)
    assert response.status_code == 200, response.text
    return response.json()


async def send(
    double: DatadogDouble, method: str, path: str, body: Any = None, **query: Any
) -> httpx.Response:
    """The whole answer to a request with the right keys."""
    keys = {"DD-API-KEY": double.api_key, "DD-APPLICATION-KEY": double.app_key}
    async with wire_of(double, keys) as wire:
        return await wire.request(method, path, json=body, params=query)


def wire_of(double: DatadogDouble, headers: dict[str, str]) -> httpx.AsyncClient:
    """A plain HTTP client on the double; it reads no list of authorities, which takes long."""
    return httpx.AsyncClient(base_url=double.url, headers=headers, verify=False, trust_env=False)
