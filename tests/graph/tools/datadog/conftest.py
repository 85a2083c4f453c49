"""The Datadog double with a story of the tests' own, and how a tool on it is asked."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import BaseTool

from graph.tools.datadog import datadog_tools
from graph.tools.datadog.client import Datadog, open_datadog
from graph.tools.result import ToolResult
from graph.tools.threads import Threads, open_threads
from lab import datadog
from lab.datadog import DatadogDouble
from lab.estate import KEY, LabSettings
from lab.incident import load
from lab.signals import Signals
from lab.story import Story

SERVICE = "cart-service"
SIGNALS: dict[str, Any] = {
    "began_minutes_ago": 30,
    "metric": [
        {
            "name": "hikari.pending",
            "tags": {"service": SERVICE},
            "unit": "connection",
            "normal": 2,
            "now": 40,
        },
    ],
    "log": [
        {
            "service": SERVICE,
            "level": "error",
            "message": "pricing call {id} timed out after {ms} ms",
            "per_min": 4,
            "since_minutes_ago": 30,
        },
        {"service": SERVICE, "level": "info", "message": "cart {n} shown", "per_min": 10},
        {"service": "api-gateway", "level": "warn", "message": "slow {ip}", "per_min": 1},
    ],
    "monitor": [
        {
            "name": "Cart is slow",
            "service": SERVICE,
            "query": "avg(last_5m):p99:trace.http.request{service:cart-service} > 1000",
            "status": "Alert",
            "minutes_ago": 26,
        },
        {
            "name": "Gateway errors",
            "service": "api-gateway",
            "query": 'logs("status:error").rollup("count").last("5m") > 100',
            "status": "Warn",
        },
        {"name": "Stock", "service": "inventory-service", "query": "avg(x){*}>1", "status": "OK"},
        {"name": "Report", "service": "report-worker", "query": "y", "status": "No Data"},
    ],
    "declared": [
        {
            "title": "Checkout fails",
            "severity": "SEV-2",
            "state": "active",
            "service": "checkout-service",
            "minutes_ago": 15,
        },
        {
            "title": "Old one",
            "severity": "SEV-3",
            "state": "resolved",
            "service": "search-service",
            "minutes_ago": 5000,
        },
    ],
    "objective": [
        {
            "name": "Cart availability",
            "service": SERVICE,
            "target_percent": 99.5,
            "reached_percent": 99.1,
        },
    ],
    "event": [
        {
            "title": "Flag flipped",
            "text": "new ranking for all",
            "source": "launchdarkly",
            "service": "search-service",
            "minutes_ago": 50,
        },
        {"title": "Cart is slow", "source": "alert", "service": SERVICE, "minutes_ago": 26},
    ],
}
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("search_monitors", {"service": SERVICE}),
    ("find_metrics", {"query": "hikari"}),
    ("query_metrics", {"query": "avg:hikari.pending{service:cart-service}"}),
    ("search_logs", {"query": "service:cart-service"}),
    ("search_spans", {"query": "service:cart-service"}),
    ("search_incidents", {"query": "state:active"}),
    ("get_slo_status", {"service": SERVICE}),
]
OpenDatadog = Callable[..., AbstractAsyncContextManager[Datadog]]


def story(**signals: Any) -> Story:
    """The shipped bad deploy with these signals; now is now."""
    told = Signals.model_validate(signals)
    return Story(load("bad-deploy").model_copy(update={"signals": told}), datetime.now(UTC))


@pytest.fixture
async def double() -> AsyncIterator[DatadogDouble]:
    """The double with its usual story, no faults and an empty journal."""
    async with datadog.serve(story(**SIGNALS)) as running:
        yield running


@pytest.fixture(scope="session")
async def threads() -> AsyncIterator[Threads]:
    """The threads that the client blocks in."""
    async with open_threads() as opened:
        yield opened


@pytest.fixture
def open_lab_datadog(double: DatadogDouble, threads: Threads) -> OpenDatadog:
    """The real reader on the double; keyword arguments override the settings."""

    @asynccontextmanager
    async def open_(**overrides: Any) -> AsyncIterator[Datadog]:
        chosen = {
            "minimax_api_key": KEY,
            "dd_api_key": double.api_key,
            "dd_app_key": double.app_key,
            "dd_api_url": double.url,
            "state_dir": Path("unused"),
            **overrides,
        }
        async with open_datadog(LabSettings(**chosen), threads) as opened:
            assert opened is not None
            yield opened

    return open_


@pytest.fixture
async def dd(open_lab_datadog: OpenDatadog) -> AsyncIterator[Datadog]:
    """A reader of the double."""
    async with open_lab_datadog() as opened:
        yield opened


@pytest.fixture
async def hasty(open_lab_datadog: OpenDatadog) -> AsyncIterator[Datadog]:
    """A reader of the double that has one second for a question."""
    async with open_lab_datadog(tool_timeout_s=1) as opened:
        yield opened


async def ask(reader: Datadog, tool: str, **arguments: Any) -> ToolResult:
    """Ask one tool on that reader."""
    return ToolResult.model_validate(await _tools(reader)[tool].ainvoke(arguments))


@cache
def _tools(reader: Datadog) -> dict[str, BaseTool]:
    return {entry.name: entry for entry in datadog_tools(reader)}
