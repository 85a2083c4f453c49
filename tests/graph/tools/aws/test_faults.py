"""Whatever AWS does instead of answering, each tool says so, soon, and asks little."""

import asyncio
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from graph.tools.aws.client import Aws
from graph.tools.aws.guard import ATTEMPTS
from graph.tools.result import ToolResult
from lab.aws import AwsDouble
from lab.faults import Fault, Hang, Raw, Reset, Status
from tests.graph.tools.aws.conftest import HASTY_S, QUESTIONS, OpenAws, ask

BOUND_S = 2 * HASTY_S
"""Twice what a tool may take, for a machine that has other things to do."""
FIRST_ASKED = {"aws_resource_health": 9}
"""Parts that ask side by side; the other tools end with the first refusal."""
FAULTS: list[tuple[str, Fault, str, int]] = [
    ("expired", Status(401, "the token has expired"), "the token has expired", 1),
    ("denied", Status(403, "User is not authorized"), "User is not authorized", 1),
    ("throttled", Status(400, "Rate exceeded"), "Rate exceeded", ATTEMPTS),
    ("broken", Status(500, "it broke"), "it broke", ATTEMPTS),
    ("reset", Reset(), "broke off|onnection closed", ATTEMPTS),
    ("garbage", Raw("<html><body>Log in</body></html>"), "answer", 1),
    ("hang", Hang(), "timeout on endpoint URL|no answer in", 1),
]


@pytest.fixture
def spoilt(double: AwsDouble) -> Iterator[AwsDouble]:
    """The endpoint, whose standing fault is taken back."""
    yield double
    double.always(None)


@pytest.mark.parametrize(("tool", "arguments"), QUESTIONS)
@pytest.mark.parametrize(
    ("fault", "words", "attempts"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS]
)
async def test_a_fault_is_an_error_in_its_own_words_soon_and_with_few_requests(
    hasty: Aws,
    spoilt: AwsDouble,
    tool: str,
    arguments: dict[str, Any],
    fault: Fault,
    words: str,
    attempts: int,
) -> None:
    spoilt.always(fault)
    async with asyncio.timeout(BOUND_S):
        result = await ask(hasty, tool, **arguments)
    assert (result.status, result.source, result.returned) == ("error", "aws", 0)
    assert re.search(words, result.error or "")
    assert result.query
    assert (result.window is None) == (tool == "aws_resource_health")
    assert 0 < len(spoilt.requests) <= attempts * FIRST_ASKED.get(tool, 1)


@pytest.mark.parametrize("code", ["Throttling", "TooManyRequestsException"])
async def test_a_throttled_request_is_repeated(hasty: Aws, double: AwsDouble, code: str) -> None:
    double.queue(Status(400, "Rate exceeded"), operation="DescribeAlarms", code=code)
    result = await ask(hasty, "aws_alarms")
    assert result.status == "ok"
    assert [seen.status for seen in double.of("DescribeAlarms")] == [400, 200]


async def test_a_read_that_timed_out_is_not_repeated(hasty: Aws, double: AwsDouble) -> None:
    double.queue(Hang(), operation="DescribeAlarms")
    result: ToolResult = await ask(hasty, "aws_alarms")
    assert result.status == "error"
    assert len(double.of("DescribeAlarms")) == 1


async def test_an_endpoint_that_is_not_there_is_said(open_on: OpenAws) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with open_on(aws_endpoint_url=address, tool_timeout_s=HASTY_S) as aws:
            async with asyncio.timeout(BOUND_S):
                result = await ask(aws, "aws_alarms")
    assert result.error is not None
    assert result.error.startswith(f'Could not connect to the endpoint URL: "{address}')
