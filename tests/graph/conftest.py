"""The doubles of Datadog and AWS, telling one incident; a module may put its own in its place."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from lab import aws, datadog
from lab.aws import AwsDouble
from lab.datadog import DatadogDouble
from lab.estate import sources
from lab.incident import Incident, load
from lab.story import Story


@pytest.fixture
def incident() -> Incident:
    """What both tell."""
    return load("bad-deploy")


@pytest.fixture
async def datadog_double(incident: Incident) -> AsyncIterator[DatadogDouble]:
    """The lab's Datadog."""
    async with datadog.serve(Story(incident, datetime.now(UTC))) as double:
        yield double


@pytest.fixture
async def aws_double(incident: Incident) -> AsyncIterator[AwsDouble]:
    """The lab's AWS."""
    async with aws.serve(Story(incident, datetime.now(UTC))) as double:
        yield double


@pytest.fixture
def reach(datadog_double: DatadogDouble, aws_double: AwsDouble) -> dict[str, Any]:
    """The settings that reach both."""
    return sources(datadog_double, aws_double)
