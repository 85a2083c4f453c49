"""Each way in which a source fails fails its own line alone, with what mends it."""

import re
from pathlib import Path
from typing import Any

import pytest

from graph.settings import GraphMapping
from graph.tools.aws.guard import READS as AWS_READS
from graph.tools.datadog.reads import READS
from lab.aws import AwsDouble
from lab.datadog import API_KEY, DatadogDouble
from lab.faults import Raw, Status
from server.doctor import datadog
from server.doctor.check import Trouble
from tests.conftest import MakeSettings
from tests.server.conftest import free_port
from tests.server.doctor.conftest import checked, only_failure


@pytest.mark.parametrize(
    ("change", "reason", "remedy"),
    [
        ({"neo4j_uri": "bolt://127.0.0.1:9"}, "127.0.0.1:9 does not answer", "correct NEO4J_URI"),
        (
            {"neo4j_password": "wrong-password"},
            "does not answer",
            "correct NEO4J_USER and NEO4J_PASSWORD",
        ),
        ({"neo4j_database": "nowhere"}, "nowhere", "correct NEO4J_DATABASE, or let NEO4J_USER"),
        (
            {"graph_mapping": GraphMapping(service="AWSECSService")},
            "no node of bad_deploy has the label AWSECSService and a name",
            "GRAPH_MAPPING__SERVICE",
        ),
    ],
    ids=["down", "wrong password", "no such database", "no services"],
)
async def test_neo4j(
    estate_settings: MakeSettings, change: dict[str, Any], reason: str, remedy: str
) -> None:
    failure = await only_failure(estate_settings(**change), "neo4j")
    assert reason in failure.detail
    assert remedy in failure.remedy


async def test_a_wrong_datadog_key(estate_settings: MakeSettings) -> None:
    failure = await only_failure(estate_settings(dd_api_key="wrong-datadog-key"), "datadog")
    assert failure.detail == "the API key is refused with 403"
    assert failure.remedy.startswith("set DD_API_KEY to a key of the organisation at http://127.")


async def test_a_wrong_datadog_application_key(estate_settings: MakeSettings) -> None:
    failure = await only_failure(estate_settings(dd_app_key="wrong-application-key"), "datadog")
    assert failure.detail == "the API key is valid, but every read is refused with 403"
    assert failure.remedy.startswith("set DD_APP_KEY to an application key")


async def test_a_datadog_scope_that_is_missing_is_named(
    estate_settings: MakeSettings, datadog_double: DatadogDouble
) -> None:
    datadog_double.always(Status(403, f"Forbidden for {API_KEY}"), "/api/v2/logs/events/search")
    failure = await only_failure(estate_settings(), "datadog")
    assert failure.detail == "403 for POST /api/v2/logs/events/search"
    assert failure.remedy == (
        "grant the application key of DD_APP_KEY, and the role of its owner: logs_read_data"
    )


async def test_each_datadog_read_names_its_own_scope(
    estate_settings: MakeSettings, datadog_double: DatadogDouble
) -> None:
    settings = estate_settings()
    for (method, path), read in READS.items():
        # The double matches by the beginning of a path.
        prefix = path.partition("{")[0]
        datadog_double.always(Status(403), prefix)
        with pytest.raises(Trouble, match=f"^403 for .*{method} {re.escape(path)}") as caught:
            await datadog.allows(settings)
        assert caught.value.remedy.endswith(f"owner: {read.scope}")
        datadog_double.always(None, prefix)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(Status(500, "broken"), "500 Internal"), (Raw("<html>proxy"), "none of Datadog's: <html>")],
    ids=["500", "a page of a proxy"],
)
async def test_a_datadog_read_that_fails_otherwise_is_named(
    estate_settings: MakeSettings, datadog_double: DatadogDouble, fault: Any, reason: str
) -> None:
    datadog_double.always(fault, "/api/v1/monitor/search")
    failure = await only_failure(estate_settings(), "datadog")
    assert failure.detail.startswith("GET /api/v1/monitor/search: ")
    assert reason in failure.detail


async def test_datadog_out_of_reach(estate_settings: MakeSettings) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    failure = await only_failure(estate_settings(dd_api_url=nobody), "datadog")
    assert failure.remedy == f"let this machine reach {nobody}, or correct DD_SITE and DD_API_URL"


async def test_an_aws_permission_that_is_missing_is_named(
    estate_settings: MakeSettings, aws_double: AwsDouble
) -> None:
    denied = Status(403, f"not authorized, {aws_double.secret_access_key}")
    aws_double.always(denied, operation="DescribeTargetHealth")
    failure = await only_failure(estate_settings(), "aws")
    assert failure.detail == "AccessDenied for elasticloadbalancing:DescribeTargetHealth"
    assert failure.remedy == (
        "allow elasticloadbalancing:DescribeTargetHealth to "
        "arn:aws:iam::123456789012:user/lab (the policy is in docs/operating.md)"
    )


async def test_each_aws_operation_is_named_as_the_policy_of_the_page_names_it(
    estate_settings: MakeSettings, aws_double: AwsDouble
) -> None:
    for service in AWS_READS:
        code = "UnauthorizedOperation" if service == "ec2" else None
        aws_double.always(Status(403), service=service, code=code)
    failure = await only_failure(estate_settings(), "aws")
    page = (Path(__file__).parents[3] / "docs" / "operating.md").read_text()
    policy = set(re.findall(r'^ +"([a-z0-9]+:[A-Za-z]+)",?$', page, re.MULTILINE))
    assert set(failure.detail.partition(" for ")[2].split(", ")) == policy
    allowed = failure.remedy.removeprefix("allow ").partition(" to arn:")[0]
    assert set(allowed.split(", ")) == policy


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("InvalidClientTokenId", "correct AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and"),
        ("SignatureDoesNotMatch", "correct AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and"),
        ("ExpiredToken", "renew the credentials"),
        ("AccessDenied", "take away what denies sts:GetCallerIdentity"),
        ("InternalFailure", "try again in a minute"),
    ],
)
async def test_wrong_aws_credentials(
    estate_settings: MakeSettings, aws_double: AwsDouble, code: str, remedy: str
) -> None:
    said = f"{aws_double.access_key_id} with {aws_double.secret_access_key} is refused"
    aws_double.always(Status(403, said), code=code)
    failure = await only_failure(estate_settings(), "aws")
    assert failure.detail.startswith(f"sts:GetCallerIdentity: {code}: [key] with [key] is refused")
    assert failure.remedy.startswith(remedy)
    assert len(aws_double.requests) == 1


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"aws_region": "eu-nowhere-1"}, "correct AWS_REGION and AWS_PROFILE"),
        ({"aws_endpoint_url": "http://127.0.0.1:9"}, "reach STS in AWS_REGION"),
    ],
    ids=["unknown region", "out of reach"],
)
async def test_aws_that_cannot_be_asked(
    estate_settings: MakeSettings, change: dict[str, Any], remedy: str
) -> None:
    failure = await only_failure(estate_settings(**change), "aws")
    assert remedy in failure.remedy


async def test_an_aws_operation_that_fails_otherwise_is_named(
    estate_settings: MakeSettings, aws_double: AwsDouble
) -> None:
    aws_double.always(Status(400, "Rate exceeded"), operation="LookupEvents")
    failure = await only_failure(estate_settings(), "aws")
    assert failure.detail.startswith("cloudtrail:LookupEvents: ThrottlingException: Rate exceeded")
    assert "again in a minute" in failure.detail


async def test_what_is_denied_is_told_apart_from_what_passes(
    estate_settings: MakeSettings, datadog_double: DatadogDouble, aws_double: AwsDouble
) -> None:
    datadog_double.always(Status(403), "/api/v1/monitor/search")
    datadog_double.always(Status(500, "broken"), "/api/v2/incidents")
    aws_double.always(Status(403), operation="DescribeAlarms")
    aws_double.always(Status(503, "broken"), operation="LookupEvents")
    datadog_fails = await only_failure(estate_settings(), "datadog", "aws")
    assert "owner: monitors_read; try again in a minute" in datadog_fails.remedy
    aws_fails = (await checked(estate_settings()))["aws"]
    assert aws_fails.remedy.startswith("allow cloudwatch:DescribeAlarms to arn:aws:iam::")
    assert "; for the others try again in a minute" in aws_fails.remedy


async def test_a_fault_of_datadog_is_not_taken_for_a_wrong_key(
    estate_settings: MakeSettings, datadog_double: DatadogDouble
) -> None:
    datadog_double.always(Status(500, "broken"), "/api/v1/validate")
    failure = await only_failure(estate_settings(), "datadog")
    assert failure.detail.startswith("whether the API key is valid: 500 ")
    assert failure.remedy.startswith("try again in a minute")
