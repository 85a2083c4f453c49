"""One endpoint with a story of its own, and how boto3 asks it.

Each answer is held against AWS's own description of the operation, values of enumerations too.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from lab.aws import AwsDouble, serve
from lab.incident import load
from lab.signals import Signals
from lab.story import Story

Ask = Callable[..., Awaitable[dict[str, Any]]]
Client = Callable[..., Any]

SIGNALS: dict[str, Any] = {
    "began_minutes_ago": 30,
    "cloudwatch": [
        {
            "namespace": "AWS/ApplicationELB",
            "metric": "TargetResponseTime",
            "dimensions": {"LoadBalancer": "app/shop/50dc6c495c0c9188"},
            "unit": "Seconds",
            "normal": 0.1,
            "now": 2.0,
        },
        {
            "namespace": "AWS/ECS",
            "metric": "MemoryUtilization",
            "dimensions": {"ClusterName": "shop", "ServiceName": "pricing-service"},
            "normal": 40,
            "now": 100,
            "gradual": True,
            "steady": True,
            "since_minutes_ago": 120,
        },
    ],
    "log": [
        {
            "service": "pricing-service",
            "level": "error",
            "message": "no connection after {ms} ms for cart {id}",
            "per_min": 6,
            "since_minutes_ago": 30,
        },
        {
            "service": "pricing-service",
            "level": "info",
            "message": "priced cart {id} in region EU | tier A",
            "per_min": 4,
        },
        {"service": "cart-service", "level": "warn", "message": "retry {n}", "per_min": 1},
    ],
    "alarm": [
        {
            "name": "shop-latency",
            "namespace": "AWS/ApplicationELB",
            "metric": "TargetResponseTime",
            "dimensions": {"LoadBalancer": "app/shop/50dc6c495c0c9188"},
            "statistic": "p95",
            "threshold": 1,
            "state": "ALARM",
            "reason": "Threshold Crossed: 3 datapoints <were> greater & above",
            "minutes_ago": 26,
        },
        {
            "name": "orders-cpu",
            "namespace": "AWS/RDS",
            "metric": "CPUUtilization",
            "dimensions": {"DBInstanceIdentifier": "orders-db"},
            "threshold": 80,
            "state": "OK",
            "reason": "below",
            "minutes_ago": 700,
        },
    ],
    "trail": [
        {
            "event_name": "ModifyDBInstance",
            "event_source": "rds.amazonaws.com",
            "user": "lea.moreau",
            "resource": "prices-db",
            "resource_type": "AWS::RDS::DBInstance",
            "minutes_ago": 45,
            "error_code": "AccessDenied",
        }
    ],
    "machine": [
        {"name": "shop-node-1", "status": "impaired"},
        {"name": "shop-node-2", "state": "stopped"},
    ],
    "tasks": [
        {
            "name": "pricing-service",
            "desired": 4,
            "running": 2,
            "pending": 1,
            "event": [
                {"minutes_ago": 9, "message": "was unable to place a task"},
                {"minutes_ago": 5, "message": "has started 1 tasks"},
            ],
        }
    ],
    "instance": [
        {
            "name": "prices-db",
            "status": "storage-full",
            "event": [{"minutes_ago": 20, "message": "The free storage capacity is exhausted"}],
        }
    ],
    "target_group": [
        {
            "name": "pricing",
            "service": "pricing-service",
            "target": [
                {"host": "shop-node-1", "state": "healthy"},
                {"host": "shop-node-2", "state": "unhealthy", "reason": "Target.Timeout"},
                {"host": "shop-node-3", "state": "unhealthy", "reason": "answers with 503"},
                {"host": "data-node-1", "state": "draining"},
            ],
        }
    ],
    "function": [
        {
            "name": "price-import",
            "service": "pricing-service",
            "state": "Failed",
            "reason": "The image was deleted",
        }
    ],
    "scaling_group": [
        {
            "name": "pricing-nodes",
            "service": "pricing-service",
            "desired": 3,
            "minimum": 1,
            "maximum": 5,
            "activity": [
                {"minutes_ago": 60, "message": "Launching a new EC2 instance"},
                {"minutes_ago": 15, "message": "Failed: no capacity in eu-central-1c"},
            ],
        }
    ],
}


def told(**signals: Any) -> Story:
    """The default incident with these signals, from now on backwards."""
    incident = load("bad-deploy").model_copy(update={"signals": Signals.model_validate(signals)})
    return Story(incident, datetime.now(UTC))


@pytest.fixture(scope="session")
def story() -> Story:
    """What the shared endpoint tells."""
    return told(**SIGNALS)


@pytest.fixture(scope="session")
async def double(story: Story) -> AsyncIterator[AwsDouble]:
    """The shared endpoint; a test that plants a fault takes it back."""
    async with serve(story) as running:
        yield running


@pytest.fixture
def clean(double: AwsDouble) -> Iterator[AwsDouble]:
    """The shared endpoint with an empty journal, and without standing faults afterwards."""
    double.requests.clear()
    yield double
    double.always(None)


@pytest.fixture(scope="session")
def client() -> Client:
    """Makes a boto3 client of an endpoint once; keyword arguments go to its configuration."""
    made: dict[Any, Any] = {}

    def make(double: AwsDouble, service: str, **configuration: Any) -> Any:
        key = (double.url, service, *configuration.items())
        if key not in made:
            session = boto3.Session(
                double.access_key_id, double.secret_access_key, region_name=double.region
            )
            once = {"retries": {"total_max_attempts": 1}, "read_timeout": 10, **configuration}
            made[key] = session.client(service, endpoint_url=double.url, config=Config(**once))
        return made[key]

    return make


@pytest.fixture(scope="session")
def ask(double: AwsDouble, client: Client) -> Ask:
    """Asks the shared endpoint one operation, given as boto3 names it."""

    async def run(service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        return await asked(client(double, service), operation, **parameters)

    return run


async def asked(client: Any, operation: str, /, **parameters: Any) -> dict[str, Any]:
    """The answer, after looking at the values of its enumerations."""
    answer: dict[str, Any] = await asyncio.to_thread(getattr(client, operation), **parameters)
    model = client.meta.service_model
    [name] = [each for each in model.operation_names if xform_name(each) == operation]
    unknown = list(_unknown(model.operation_model(name).output_shape, answer))
    assert not unknown, unknown
    return answer


async def refused(ask: Ask, service: str, operation: str, /, **parameters: Any) -> tuple[int, str]:
    """The status and the error code with which the question is refused."""
    with pytest.raises(ClientError) as caught:
        await ask(service, operation, **parameters)
    metadata = caught.value.response["ResponseMetadata"]
    return metadata["HTTPStatusCode"], caught.value.response["Error"]["Code"]


def _unknown(shape: Any, value: Any) -> Iterator[str]:
    """Values that AWS's description of an enumeration does not have."""
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if name in value:
                yield from _unknown(member, value[name])
    elif shape.type_name == "list":
        for each in value:
            yield from _unknown(shape.member, each)
    elif shape.type_name == "string" and shape.enum and value not in shape.enum:
        yield f"{shape.name}: {value}"
