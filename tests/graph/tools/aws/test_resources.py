"""The one view of what AWS has under a name, asked of the lab's AWS."""

from typing import Any

import pytest
from pydantic import ValidationError

from graph.tools.aws.client import Aws
from graph.tools.result import ToolResult
from lab.aws import AwsDouble
from lab.faults import Status
from lab.story import instance_id
from tests.graph.tools.aws.conftest import ask

SECRET = "hunter2"
"""Part of the value of a variable in the environment of the lab's functions."""


async def health(aws: Aws, name: str) -> ToolResult:
    return await ask(aws, "aws_resource_health", service=name)


def kinds(result: ToolResult) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in result.data["resources"]:
        found.setdefault(row["kind"], []).append(row["name"])
    return found


def detail(result: ToolResult, kind: str) -> str:
    [row] = [row for row in result.data["resources"] if row["kind"] == kind]
    return f"{row['state']}: {row['detail']}"


async def test_a_service_is_shown_with_all_that_bears_its_tag_or_name(aws: Aws) -> None:
    result = await health(aws, "pricing-service")
    assert (result.status, result.source, result.error) == ("ok", "aws", None)
    assert kinds(result) == {
        "autoscaling group": ["pricing-nodes"],
        "ecs service": ["pricing-service"],
        "lambda function": ["pricing-warmup"],
        "target group": ["pricing", "a-pricing"],
    }
    assert (result.matched, result.returned, result.unanswered) == (5, 5, {})
    assert result.query.startswith("tag Service or service = 'pricing-service', name in ecs, ec2")


async def test_what_is_not_well_says_why(aws: Aws) -> None:
    result = await health(aws, "pricing-service")
    assert detail(result, "ecs service").startswith("ACTIVE 1/3: cluster shop; running 1 of 3, ")
    assert "pending 2; PRIMARY pricing-service:" in detail(result, "ecs service")
    assert detail(result, "lambda function").startswith("Failed: The image was deleted; ")
    unhealthy = f"{instance_id('shop-node-3')} unhealthy Target.Timeout"
    assert f"\ntarget group\tpricing\t1/2 healthy\t{unhealthy}\n" in result.text
    assert result.text.splitlines()[0] == "4 of 5 are not well"
    told = {event["message"] for event in result.data["events"]}
    assert told == {"was unable to place a task", "Successful; Launching a new EC2 instance"}
    times = [event["at"] for event in result.data["events"]]
    assert times == sorted(times, reverse=True)


async def test_a_host_is_shown_by_its_name(aws: Aws) -> None:
    ill = await health(aws, "shop-node-2")
    assert ill.text.splitlines()[0] == "1 of 1 are not well"
    assert "system check ok; instance check impaired" in detail(ill, "ec2 instance")
    well = await health(aws, "shop-node-1")
    assert well.text.splitlines()[0] == "0 of 1 are not well"
    assert instance_id("shop-node-1") in detail(well, "ec2 instance")


async def test_a_database_is_shown_with_what_happened_to_it(aws: Aws) -> None:
    result = await health(aws, "prices-db")
    assert detail(result, "rds instance").startswith("modifying: postgres; db.r7g.large")
    assert [event["message"] for event in result.data["events"]] == [
        "Applying modification to instance class"
    ]
    assert "not well" in result.text.splitlines()[0]
    assert "\nevents, newest first:\nat\tabout\tmessage\n" in result.text


async def test_what_is_not_well_comes_first(aws: Aws) -> None:
    rows = (await health(aws, "pricing-service")).data["resources"]
    assert [row["healthy"] for row in rows] == [False] * 4 + [True]
    assert (rows[-1]["kind"], rows[-1]["name"]) == ("target group", "a-pricing")


async def test_a_function_is_found_by_its_name_and_its_environment_is_not_read(
    aws: Aws, double: AwsDouble
) -> None:
    result = await health(aws, "pricing-warmup")
    assert kinds(result) == {"lambda function": ["pricing-warmup"]}
    sent = await aws.call("lambda", "GetFunctionConfiguration", FunctionName="pricing-warmup")
    assert SECRET in str(sent["Environment"])
    assert SECRET not in result.model_dump_json()
    assert double.of("GetFunction") == []
    assert double.of("DescribeTaskDefinition") == []


async def test_a_name_that_nothing_has_is_no_data(aws: Aws) -> None:
    result = await health(aws, "zeppelin")
    assert (result.status, result.error, result.matched) == ("no_data", None, 0)
    assert result.text.startswith("nothing has that tag or that name; ")


async def test_a_part_that_is_refused_is_named_and_the_others_are_shown(
    aws: Aws, double: AwsDouble
) -> None:
    double.queue(Status(403, "no targets"), operation="DescribeTargetHealth")
    result = await health(aws, "pricing-service")
    assert result.status == "ok"
    assert "target group" not in kinds(result)
    assert kinds(result)["lambda function"] == ["pricing-warmup"]
    assert list(result.unanswered) == ["elb"]
    assert "\nelb: AccessDenied: no targets: the policy in docs/operating.md" in result.text


async def test_without_tags_what_has_the_name_is_shown(aws: Aws, double: AwsDouble) -> None:
    double.always(Status(403, "no tags"), operation="GetResources")
    try:
        result = await health(aws, "pricing-service")
    finally:
        double.always(None, operation="GetResources")
    assert kinds(result)["ecs service"] == ["pricing-service"]
    assert "lambda function" not in kinds(result)
    assert result.unanswered["tags"].startswith("AccessDeniedException: no tags")


async def test_events_that_are_refused_do_not_hide_the_resource(
    aws: Aws, double: AwsDouble
) -> None:
    double.queue(Status(403, "no events"), service="rds", operation="DescribeEvents")
    result = await health(aws, "prices-db")
    assert kinds(result) == {"rds instance": ["prices-db"]}
    assert "events of prices-db: AccessDenied: no events: the policy in" in result.text


async def test_nothing_found_is_not_known_when_a_part_did_not_answer(
    aws: Aws, double: AwsDouble
) -> None:
    double.queue(Status(403, "no machines"), service="ec2")
    result = await health(aws, "zeppelin")
    assert result.status == "error"
    assert result.error is not None
    assert result.error.startswith("ec2: ")
    assert "no machines" in result.error


@pytest.mark.parametrize("name", ["", "a\nb", "shop-*", "x" * 129])
async def test_a_name_that_could_not_be_one_is_refused(aws: Aws, name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        await health(aws, name)
    assert [problem["loc"] for problem in refused.value.errors()] == [("service",)]


@pytest.mark.parametrize("name", ["a b", "it's", "日本", "a/b:c", "-x-", "_", '"'])
async def test_any_other_name_is_looked_for(aws: Aws, name: str) -> None:
    result: Any = await health(aws, name)
    assert (result.status, result.error) == ("no_data", None)
