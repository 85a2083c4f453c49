"""The reader of AWS: what it refuses to send, how it starts, what its errors say and hold."""

from dataclasses import replace
from typing import Any

import pytest

from graph.errors import AwsMisconfigured
from graph.tools.aws.client import Aws, open_aws
from graph.tools.aws.guard import READS
from graph.tools.aws.refusal import AwsRefused
from graph.tools.aws.session import console_of
from graph.tools.threads import Threads
from lab.aws import AwsDouble
from lab.faults import Raw, Status
from tests.graph.tools.aws.conftest import ask, settings

WRITES: list[tuple[str, str, dict[str, Any]]] = [
    ("cloudwatch", "DeleteAlarms", {"AlarmNames": ["checkout-5xx"]}),
    ("cloudwatch", "PutMetricData", {"Namespace": "Shop", "MetricData": [{"MetricName": "a"}]}),
    ("logs", "DeleteLogGroup", {"logGroupName": "/ecs/cart-service"}),
    ("ecs", "UpdateService", {"cluster": "shop", "desiredCount": 0}),
    ("ecs", "DescribeTaskDefinition", {"taskDefinition": "pricing-service"}),
    ("ec2", "TerminateInstances", {"InstanceIds": ["i-1"]}),
    ("ec2", "GetPasswordData", {"InstanceId": "i-1"}),
    ("rds", "DeleteDBInstance", {"DBInstanceIdentifier": "orders-db"}),
    ("lambda", "GetFunction", {"FunctionName": "pricing-warmup"}),
    ("lambda", "Invoke", {"FunctionName": "pricing-warmup"}),
    ("autoscaling", "SetDesiredCapacity", {"AutoScalingGroupName": "a", "DesiredCapacity": 0}),
    ("resourcegroupstaggingapi", "TagResources", {"ResourceARNList": ["a"], "Tags": {"a": "b"}}),
]


@pytest.mark.parametrize(("service", "operation", "parameters"), WRITES)
async def test_what_is_no_read_is_refused_before_the_wire(
    aws: Aws, double: AwsDouble, service: str, operation: str, parameters: dict[str, Any]
) -> None:
    named = {"service": "pricing-service"} if operation == "UpdateService" else {}
    with pytest.raises(AwsRefused, match="is not among the reads that are allowed") as refused:
        await aws.call(service, operation, **parameters, **named)
    assert refused.value.query.startswith(f"{service}:{operation} {{")
    assert double.requests == []


def test_only_operations_that_read_are_allowed() -> None:
    reads = ("Describe", "List", "Get", "Lookup")
    others = {op for operations in READS.values() for op in operations if not op.startswith(reads)}
    assert others == {"StartQuery", "StopQuery"}


async def test_without_a_region_there_is_no_reader(double: AwsDouble, threads: Threads) -> None:
    async with open_aws(settings(double, aws_region=None), threads) as opened:
        assert opened is None


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("aws_region", "eu-centrall-1", r"AWS_REGION='eu-centrall-1' is no region.* eu-central-1,"),
        ("aws_profile", "nobody", r"profile \(nobody\) could not be found"),
    ],
)
async def test_a_region_or_profile_that_does_not_exist_ends_the_start(
    double: AwsDouble, threads: Threads, setting: str, value: str, words: str
) -> None:
    with pytest.raises(AwsMisconfigured, match=words) as refused:
        async with open_aws(settings(double, **{setting: value}), threads):
            pass
    assert "unset AWS_REGION" in str(refused.value)
    assert double.secret_access_key not in str(refused.value)


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (403, "AccessDeniedException", "the policy in docs/operating.md lists what is needed"),
        (400, "UnauthorizedOperation", "the policy in docs/operating.md lists what is needed"),
        (400, "ExpiredTokenException", "the credentials have expired; renew them"),
        (403, "UnrecognizedClientException", "correct AWS_PROFILE, or AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "correct AWS_PROFILE, or AWS_ACCESS_KEY_ID"),
        (400, "ThrottlingException", "AWS limits the rate; ask for less"),
        (500, "InternalFailure", "ask again"),
    ],
)
async def test_an_error_has_the_code_the_words_and_a_remedy(
    hasty: Aws, double: AwsDouble, status: int, code: str, remedy: str
) -> None:
    double.always(Status(status, "what AWS says"), code=code)
    try:
        with pytest.raises(AwsRefused) as refused:
            await hasty.call("logs", "DescribeLogGroups", limit=5)
    finally:
        double.always(None)
    assert str(refused.value).startswith(f"{code}: what AWS says: {remedy}")
    assert (refused.value.code, refused.value.query) == (
        code,
        'logs:DescribeLogGroups {"limit": 5}',
    )


async def test_an_error_holds_no_key_and_is_bounded_and_on_one_line(
    aws: Aws, double: AwsDouble
) -> None:
    keys = (double.access_key_id, double.secret_access_key, "ASIA0123456789ABCDEF")
    double.queue(Status(403, f"not\n{' and '.join(keys)}\x1b[31m {'x' * 5000}"))
    with pytest.raises(AwsRefused) as refused:
        await aws.call("logs", "DescribeLogGroups")
    words = str(refused.value)
    assert words.startswith("AccessDeniedException: not [key] and [key] and [key] [31m xxx")
    assert len(words) < 800
    assert not any(key in words + repr(aws) for key in keys)


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("cloudwatch", "DescribeAlarms"),
        ("ecs", "ListClusters"),
        ("ec2", "DescribeInstances"),
        ("rds", "DescribeDBInstances"),
        ("resourcegroupstaggingapi", "GetResources"),
    ],
)
@pytest.mark.parametrize(
    "body", ["<html><body>Log in</body></html>", "", "[]", '"x"', "{", '{"clusterArns": 5', "<a/>"]
)
async def test_a_body_that_is_none_of_aws_is_an_error(
    aws: Aws, double: AwsDouble, service: str, operation: str, body: str
) -> None:
    double.queue(Raw(body))
    with pytest.raises(AwsRefused):
        await aws.call(service, operation)


async def test_pages_are_followed_to_the_limit(aws: Aws, double: AwsDouble) -> None:
    every, more = await aws.pages("ecs", "ListServices", 9, cluster="shop", maxResults=5)
    assert ([len(part["serviceArns"]) for part in every], more) == ([5, 5, 3], False)
    some, more = await aws.pages("ecs", "ListServices", 2, cluster="shop", maxResults=5)
    assert (len(some), more) == (2, True)
    assert len(double.of("ListServices")) == 5


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "eu-central-1.console.aws.amazon.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_links_lead_to_the_console_of_the_partition(region: str, host: str) -> None:
    assert console_of(region) == host


async def test_there_are_no_links_where_this_is_not_aws_itself(aws: Aws) -> None:
    assert (await ask(aws, "aws_alarms")).url is None


async def test_a_tool_shows_where_a_person_sees_the_same(aws: Aws) -> None:
    result = await ask(replace(aws, console="console"), "aws_alarms")
    assert result.url == "https://console/cloudwatch/home?region=eu-central-1#alarmsV2:"
