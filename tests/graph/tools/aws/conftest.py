"""The lab's AWS with a story of each test's own, and how a tool on it is asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from langchain_core.tools import BaseTool

from graph.tools.aws import aws_tools
from graph.tools.aws.client import Aws, open_aws
from graph.tools.result import ToolResult
from graph.tools.threads import Threads, open_threads
from lab.aws import AwsDouble, serve
from lab.aws.gate import Seen
from lab.estate import KEY, LabSettings
from lab.incident import Incident, load
from lab.signals import Signals
from lab.story import Story

HASTY_S = 2
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("aws_alarms", {"prefix": "checkout"}),
    ("aws_metrics", {"namespace": "AWS/RDS", "metric": "CPUUtilization"}),
    ("aws_logs", {"log_group": "/ecs/cart-service"}),
    ("aws_resource_health", {"service": "pricing-service"}),
]
SIGNALS: dict[str, Any] = {
    "alarm": [
        {
            "name": "checkout-5xx",
            "namespace": "AWS/ApplicationELB",
            "metric": "HTTPCode_Target_5XX_Count",
            "dimensions": {"LoadBalancer": "app/shop/1"},
            "statistic": "Sum",
            "threshold": 50,
            "state": "ALARM",
            "reason": "3 datapoints were greater than the threshold (50.0).",
            "minutes_ago": 26,
        },
        {
            "name": "checkout-p99",
            "namespace": "AWS/ApplicationELB",
            "metric": "TargetResponseTime",
            "dimensions": {"LoadBalancer": "app/shop/1"},
            "statistic": "p99",
            "threshold": 2,
            "state": "ALARM",
            "reason": "Threshold crossed",
            "minutes_ago": 27,
        },
        {
            "name": "orders-db-cpu",
            "namespace": "AWS/RDS",
            "metric": "CPUUtilization",
            "dimensions": {"DBInstanceIdentifier": "orders-db"},
            "threshold": 80,
            "state": "OK",
            "reason": "below",
            "minutes_ago": 5000,
        },
    ],
    "cloudwatch": [
        {
            "namespace": "AWS/ApplicationELB",
            "metric": "HTTPCode_Target_5XX_Count",
            "dimensions": {"LoadBalancer": "app/shop/1"},
            "normal": 2,
            "now": 140,
        },
        *(
            {
                "namespace": "Shop",
                "metric": "QueueDepth",
                "dimensions": {"Queue": f"queue-{number:02}"},
                "normal": number,
                "now": number,
            }
            for number in range(13)
        ),
    ],
    "log": [
        {
            "service": "cart-service",
            "level": "error",
            "message": "POST pricing-service timed out after {ms} ms (cart {id})",
            "per_min": 6,
            "since_minutes_ago": 30,
        },
        {
            "service": "cart-service",
            "level": "info",
            "message": 'cart {id} stored by "session" of C:\\shop',
            "per_min": 2,
        },
        {"service": "tax-service", "level": "info", "message": "rates loaded", "per_min": 0.1},
    ],
    "trail": [
        {
            "event_name": "ModifyDBInstance",
            "event_source": "rds.amazonaws.com",
            "user": "lea.moreau",
            "resource": "orders-db",
            "resource_type": "AWS::RDS::DBInstance",
            "minutes_ago": 90,
            "error_code": "AccessDenied",
        }
    ],
    "machine": [{"name": "shop-node-2", "state": "running", "status": "impaired"}],
    "tasks": [
        {
            "name": "pricing-service",
            "desired": 3,
            "running": 1,
            "pending": 2,
            "event": [{"minutes_ago": 8, "message": "was unable to place a task"}],
        }
    ],
    "instance": [
        {
            "name": "prices-db",
            "status": "modifying",
            "event": [{"minutes_ago": 40, "message": "Applying modification to instance class"}],
        }
    ],
    "target_group": [
        {
            "name": "pricing",
            "service": "pricing-service",
            "target": [
                {"host": "shop-node-3", "state": "unhealthy", "reason": "Target.Timeout"},
                {"host": "shop-node-2", "state": "healthy"},
            ],
        },
        {
            "name": "a-pricing",
            "service": "pricing-service",
            "target": [{"host": "shop-node-2", "state": "healthy"}],
        },
    ],
    "function": [
        {
            "name": "pricing-warmup",
            "service": "pricing-service",
            "state": "Failed",
            "reason": "The image was deleted",
        }
    ],
    "scaling_group": [
        {
            "name": "pricing-nodes",
            "service": "pricing-service",
            "desired": 2,
            "minimum": 1,
            "maximum": 4,
            "activity": [{"minutes_ago": 60, "message": "Launching a new EC2 instance"}],
        }
    ],
}
OpenAws = Callable[..., AbstractAsyncContextManager[Aws]]


class Journal(list[Seen]):
    """The requests that arrived, and a way to wait for one."""

    def __init__(self) -> None:
        super().__init__()
        self._news = asyncio.Event()

    def __setitem__(self, place: Any, seen: Any) -> None:
        super().__setitem__(place, seen)
        self._news.set()

    async def first(self, operation: str) -> Seen:
        """The first request for that operation, once it is there."""
        async with asyncio.timeout(5):
            while not (found := [seen for seen in self if seen.operation == operation]):
                self._news.clear()
                await self._news.wait()
        return found[0]


@pytest.fixture(scope="session")
def incident() -> Incident:
    """The default incident's estate, and what SIGNALS say of it."""
    return load("bad-deploy").model_copy(update={"signals": Signals.model_validate(SIGNALS)})


@pytest.fixture
def story(incident: Incident) -> Story:
    """What the endpoint tells in this test; now is now, however long the tests have run."""
    return Story(incident, datetime.now(UTC))


@pytest.fixture(scope="session")
async def running_double(incident: Incident) -> AsyncIterator[AwsDouble]:
    """One endpoint for all tests of a process."""
    async with serve(Story(incident, datetime.now(UTC))) as double:
        yield double


@pytest.fixture
def journal(running_double: AwsDouble) -> Journal:
    """The requests of this test."""
    running_double.requests = Journal()
    return running_double.requests


@pytest.fixture
def double(running_double: AwsDouble, journal: Journal, story: Story) -> AwsDouble:
    """The endpoint with an empty journal; a test takes back the faults that it plants."""
    assert running_double.requests is journal
    running_double.scene.story = story
    return running_double


@pytest.fixture(scope="session")
async def threads() -> AsyncIterator[Threads]:
    """The pool of threads."""
    async with open_threads() as pool:
        yield pool


@pytest.fixture(scope="session")
def open_on(running_double: AwsDouble, threads: Threads) -> OpenAws:
    """Opens a reader of the endpoint; keyword arguments override the settings."""

    @asynccontextmanager
    async def open_(**overrides: Any) -> AsyncIterator[Aws]:
        async with open_aws(settings(running_double, **overrides), threads) as opened:
            assert opened is not None
            yield opened

    return open_


@pytest.fixture(scope="session")
async def running_aws(open_on: OpenAws) -> AsyncIterator[Aws]:
    """One reader for all tests of a process: its clients take most of a second to make."""
    async with open_on() as opened:
        yield opened


@pytest.fixture
def aws(running_aws: Aws, double: AwsDouble) -> Aws:
    """The reader of the endpoint whose journal is empty."""
    assert not double.requests
    return running_aws


@pytest.fixture(scope="session")
async def hasty(open_on: OpenAws) -> AsyncIterator[Aws]:
    """A reader whose tools may take HASTY_S."""
    async with open_on(tool_timeout_s=HASTY_S) as opened:
        yield opened


def settings(double: AwsDouble, **overrides: Any) -> LabSettings:
    """Settings that reach that endpoint."""
    return LabSettings(
        **{
            "minimax_api_key": KEY,
            "aws_region": double.region,
            "aws_access_key_id": double.access_key_id,
            "aws_secret_access_key": double.secret_access_key,
            "aws_endpoint_url": double.url,
            **overrides,
        }
    )


async def ask(aws: Aws, tool: str, **arguments: Any) -> ToolResult:
    """Ask one tool on that reader."""
    return ToolResult.model_validate(await tools_of(aws)[tool].ainvoke(arguments))


@cache
def tools_of(aws: Aws) -> dict[str, BaseTool]:
    """The tools on that reader, by name: to make them takes longer than to ask."""
    return {entry.name: entry for entry in aws_tools(aws)}
