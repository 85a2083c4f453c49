import asyncio
import threading
import time
from typing import Any

import aiohttp
import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from lab.aws import AwsDouble, serve
from lab.faults import Hang, Raw, Reset, Status, Trickle
from lab.story import Story
from tests.lab.aws.conftest import SIGNALS, Client, asked, told

QUESTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "sts": ("get_caller_identity", {}),
    "ec2": ("describe_instances", {}),
    "ecs": ("list_clusters", {}),
    "cloudwatch": ("describe_alarms", {}),
    "lambda": ("list_functions", {}),
}
"""A service of each wire format."""


async def put(double: AwsDouble, client: Client, service: str) -> dict[str, Any]:
    operation, parameters = QUESTIONS[service]
    return await asked(client(double, service), operation, **parameters)


async def failure(double: AwsDouble, client: Client, service: str) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        await put(double, client, service)
    response = caught.value.response
    error = response["Error"]
    return response["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error["Message"]


@pytest.mark.parametrize(
    ("service", "status", "code"),
    [
        ("sts", 403, "AccessDenied"),
        ("ec2", 401, "ExpiredToken"),
        ("ecs", 403, "AccessDeniedException"),
        ("cloudwatch", 400, "ThrottlingException"),
        ("lambda", 429, "TooManyRequestsException"),
        ("ecs", 500, "InternalFailure"),
        ("sts", 503, "ServiceUnavailable"),
    ],
)
async def test_a_status_is_an_error_in_the_services_own_format(
    clean: AwsDouble, client: Client, service: str, status: int, code: str
) -> None:
    clean.queue(Status(status, "no <really> & never"))
    assert await failure(clean, client, service) == (status, code, "no <really> & never")
    assert (await put(clean, client, service))["ResponseMetadata"]["RequestId"]
    assert [seen.status for seen in clean.requests] == [status, 200]


@pytest.mark.parametrize("service", QUESTIONS)
async def test_an_error_has_the_code_that_it_is_given(
    clean: AwsDouble, client: Client, service: str
) -> None:
    clean.queue(Status(403, "invalid"), code="InvalidClientTokenId")
    assert await failure(clean, client, service) == (403, "InvalidClientTokenId", "invalid")


async def test_a_fault_waits_for_its_service_and_operation(
    clean: AwsDouble, client: Client
) -> None:
    clean.queue(Status(403), service="ecs")
    clean.queue(Status(500), operation="GetCallerIdentity")
    await put(clean, client, "ec2")
    assert (await failure(clean, client, "sts"))[0] == 500
    assert (await failure(clean, client, "ecs"))[0] == 403
    await put(clean, client, "ecs")


async def test_a_standing_fault_stays_until_it_is_taken_back(
    clean: AwsDouble, client: Client
) -> None:
    clean.always(Status(400, "slow down"), service="ecs")
    for _ in range(2):
        assert (await failure(clean, client, "ecs"))[0] == 400
    await put(clean, client, "sts")
    clean.always(None, service="ecs")
    await put(clean, client, "ecs")


async def test_a_hang_ends_when_the_client_gives_up(clean: AwsDouble, client: Client) -> None:
    clean.queue(Hang())
    impatient = client(clean, "sts", read_timeout=0.2)
    with pytest.raises(ReadTimeoutError):
        await asked(impatient, "get_caller_identity")
    assert (await clean.wait_for("GetCallerIdentity")).status is None
    await asked(impatient, "get_caller_identity")
    assert (await clean.wait_for("GetCallerIdentity", 2)).status == 200


async def test_a_page_of_html_is_what_boto3_gets(clean: AwsDouble, client: Client) -> None:
    clean.queue(Raw("<html><p>Bad gateway</html>"))
    with pytest.raises(ResponseParserError):
        await put(clean, client, "sts")
    clean.queue(Raw("<html><p>Bad gateway</html>", status=502))
    assert (await failure(clean, client, "ecs"))[0] == 502


@pytest.mark.parametrize(("service", "begin"), [("ecs", b'{"'), ("sts", b"<?xml version=")])
async def test_an_answer_that_does_not_end_or_breaks_off_begins_as_a_real_one(
    clean: AwsDouble, service: str, begin: bytes
) -> None:
    scope = f"Credential=A/20260101/{clean.region}/{service}/aws4_request"
    requests: dict[str, dict[str, Any]] = {
        "ecs": {
            "headers": {
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters",
            },
            "data": b"{}",
        },
        "sts": {"headers": {}, "data": {"Action": "GetCallerIdentity", "Version": "2011-06-15"}},
    }
    request = requests[service]
    request["headers"]["Authorization"] = f"AWS4-HMAC-SHA256 {scope}, Signature=0"
    async with aiohttp.ClientSession() as session:
        clean.queue(Trickle(), Reset())
        async with session.post(clean.url, **request) as answer:
            assert await answer.content.readexactly(len(begin) + 3) == begin + b"   "
        async with session.post(clean.url, **request) as answer:
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()


async def test_what_is_not_signed_or_for_another_region_is_refused(
    clean: AwsDouble,
) -> None:
    async with aiohttp.ClientSession() as session, session.post(clean.url, data=b"{}") as answer:
        assert answer.status == 403
        assert (await answer.json(content_type=None))["__type"] == "MissingAuthenticationToken"
    elsewhere = boto3.Session(
        clean.access_key_id, clean.secret_access_key, region_name="us-east-1"
    ).client("sts", endpoint_url=clean.url)
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        await asked(elsewhere, "get_caller_identity")


async def test_the_journal_tells_what_was_asked(clean: AwsDouble, client: Client) -> None:
    await asked(client(clean, "cloudwatch"), "describe_alarms", StateValue="ALARM")
    await put(clean, client, "lambda")
    alarms, functions = clean.requests
    assert (alarms.service, alarms.operation) == ("cloudwatch", "DescribeAlarms")
    assert alarms.parameters == {"StateValue": "ALARM"}
    assert clean.of("ListFunctions") == [functions]


async def test_two_endpoints_know_nothing_of_each_other(client: Client) -> None:
    group = {**SIGNALS["scaling_group"][0], "name": "first"}
    other = {**group, "name": "second"}
    names = []
    async with serve(told(scaling_group=[group])) as first:
        async with serve(told(scaling_group=[other])) as second:
            second.always(Status(403), service="ecs")
            for double in (first, second):
                scaling = client(double, "autoscaling")
                answer = await asked(scaling, "describe_auto_scaling_groups")
                names += [each["AutoScalingGroupName"] for each in answer["AutoScalingGroups"]]
        await put(first, client, "ecs")
        assert len(first.requests) == 2
    assert names == ["first", "second"]


async def test_it_starts_soon_and_leaves_no_thread_and_no_port(
    story: Story, client: Client
) -> None:
    before = set(threading.enumerate())
    began = time.perf_counter()
    async with serve(story) as double:
        assert time.perf_counter() - began < 6
        await put(double, client, "sts")
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert not [name for name in left if name.startswith("lab-aws")]
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(double.url)


async def test_clients_that_fill_the_threads_of_the_loop_are_answered(
    clean: AwsDouble, client: Client
) -> None:
    ecs = client(clean, "ecs", max_pool_connections=40)
    async with asyncio.timeout(10):
        answers = await asyncio.gather(*(asked(ecs, "list_clusters") for _ in range(40)))
    assert len(answers) == len(clean.requests) == 40
