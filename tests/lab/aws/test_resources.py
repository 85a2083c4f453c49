from typing import Any

import pytest

from lab.story import Story, instance_id
from tests.lab.aws.conftest import Ask, refused


async def tagged(ask: Ask, **parameters: Any) -> list[str]:
    answer = await ask("resourcegroupstaggingapi", "get_resources", **parameters)
    return [entry["ResourceARN"] for entry in answer["ResourceTagMappingList"]]


async def test_the_caller_is_the_labs_own(ask: Ask) -> None:
    assert (await ask("sts", "get_caller_identity"))["Account"] == "123456789012"


async def test_each_host_is_an_instance_with_its_name(ask: Ask) -> None:
    answer = await ask("ec2", "describe_instances")
    found = [instance for entry in answer["Reservations"] for instance in entry["Instances"]]
    names = {tag["Value"]: i for i in found for tag in i["Tags"] if tag["Key"] == "Name"}
    assert len(found) == 5
    assert names["data-node-1"]["InstanceId"] == instance_id("data-node-1")
    assert names["data-node-1"]["Placement"]["AvailabilityZone"] == "eu-central-1a"
    assert names["shop-node-2"]["State"]["Name"] == "stopped"


async def test_instances_are_found_by_filter_and_page(ask: Ask) -> None:
    by_name = [{"Name": "tag:Name", "Values": ["shop-node-*"]}]
    first = await ask("ec2", "describe_instances", Filters=by_name, MaxResults=2)
    rest = await ask(
        "ec2", "describe_instances", Filters=by_name, MaxResults=2, NextToken=first["NextToken"]
    )
    assert (len(first["Reservations"]), len(rest["Reservations"])) == (2, 1)
    assert "NextToken" not in rest
    unknown = [{"Name": "colour", "Values": ["red"]}]
    refusal = await refused(ask, "ec2", "describe_instances", Filters=unknown)
    assert refusal == (400, "InvalidParameterValue")
    refusal = await refused(ask, "ec2", "describe_instances", InstanceIds=["i-0"])
    assert refusal == (400, "InvalidInstanceID.NotFound")


async def test_the_status_of_an_instance_says_what_fails(ask: Ask) -> None:
    running = (await ask("ec2", "describe_instance_status"))["InstanceStatuses"]
    status = {entry["InstanceId"]: entry["InstanceStatus"]["Status"] for entry in running}
    assert status[instance_id("shop-node-1")] == "impaired"
    assert status[instance_id("shop-node-3")] == "ok"
    assert instance_id("shop-node-2") not in status
    everything = await ask("ec2", "describe_instance_status", IncludeAllInstances=True)
    assert len(everything["InstanceStatuses"]) == len(running) + 1


async def test_databases_with_an_engine_of_rds_are_instances(ask: Ask) -> None:
    found = (await ask("rds", "describe_db_instances"))["DBInstances"]
    assert [(i["DBInstanceIdentifier"], i["Engine"], i["DBInstanceStatus"]) for i in found] == [
        ("orders-db", "postgres", "available"),
        ("prices-db", "postgres", "storage-full"),
    ]
    refusal = await refused(
        ask, "rds", "describe_db_instances", DBInstanceIdentifier="search-index"
    )
    assert refusal == (404, "DBInstanceNotFound")


async def test_events_of_a_database_are_those_of_the_time(ask: Ask, story: Story) -> None:
    one = {"SourceIdentifier": "prices-db", "SourceType": "db-instance"}
    [event] = (await ask("rds", "describe_events", **one))["Events"]
    assert event["Message"] == "The free storage capacity is exhausted"
    assert (await ask("rds", "describe_events", **one, Duration=10))["Events"] == []
    before = {"StartTime": story.ago(60), "EndTime": story.ago(21)}
    assert (await ask("rds", "describe_events", **before))["Events"] == []


async def test_a_target_group_tells_the_health_of_each_target(ask: Ask) -> None:
    [balancer] = (await ask("elbv2", "describe_load_balancers", Names=["shop"]))["LoadBalancers"]
    [group] = (
        await ask("elbv2", "describe_target_groups", LoadBalancerArn=balancer["LoadBalancerArn"])
    )["TargetGroups"]
    answer = await ask("elbv2", "describe_target_health", TargetGroupArn=group["TargetGroupArn"])
    health = {
        entry["Target"]["Id"]: entry["TargetHealth"] for entry in answer["TargetHealthDescriptions"]
    }
    assert health[instance_id("shop-node-1")] == {"State": "healthy"}
    assert health[instance_id("shop-node-2")]["Reason"] == "Target.Timeout"
    assert health[instance_id("shop-node-3")] == {
        "State": "unhealthy",
        "Reason": "Target.FailedHealthChecks",
        "Description": "answers with 503",
    }
    assert health[instance_id("data-node-1")]["Reason"] == "Target.DeregistrationInProgress"
    refusal = await refused(ask, "elbv2", "describe_target_groups", Names=["none"])
    assert refusal == (400, "TargetGroupNotFound")


async def test_a_function_is_described_with_its_environment(ask: Ask) -> None:
    [listed] = (await ask("lambda", "list_functions"))["Functions"]
    configuration = await ask(
        "lambda", "get_function_configuration", FunctionName=listed["FunctionArn"]
    )
    assert configuration["State"] == "Failed"
    assert configuration["StateReason"] == "The image was deleted"
    assert configuration["MemorySize"] == 256
    assert "PASSWORD" in next(iter(configuration["Environment"]["Variables"]))
    whole = await ask("lambda", "get_function", FunctionName="price-import")
    assert whole["Tags"] == {"Service": "pricing-service"}
    refusal = await refused(ask, "lambda", "get_function_configuration", FunctionName="none")
    assert refusal == (404, "ResourceNotFoundException")


@pytest.mark.parametrize(
    ("name", "value", "count"),
    [
        ("tag:Service", "pricing-service", 1),
        ("tag:Service", "tax-service", 0),
        ("tag:service", "pricing-service", 0),
    ],
)
async def test_autoscaling_groups_are_found_by_their_tag(
    ask: Ask, name: str, value: str, count: int
) -> None:
    filters = [{"Name": name, "Values": [value]}]
    answer = await ask("autoscaling", "describe_auto_scaling_groups", Filters=filters)
    assert len(answer["AutoScalingGroups"]) == count


async def test_an_autoscaling_group_tells_what_it_did_newest_first(ask: Ask) -> None:
    [group] = (await ask("autoscaling", "describe_auto_scaling_groups"))["AutoScalingGroups"]
    assert (group["MinSize"], group["DesiredCapacity"], group["MaxSize"]) == (1, 3, 5)
    assert group["Instances"][0]["InstanceId"] == instance_id("shop-node-3")
    answer = await ask(
        "autoscaling", "describe_scaling_activities", AutoScalingGroupName="pricing-nodes"
    )
    assert [activity["StatusCode"] for activity in answer["Activities"]] == ["Failed", "Successful"]
    refusal = await refused(
        ask, "autoscaling", "describe_scaling_activities", AutoScalingGroupName="none"
    )
    assert refusal == (400, "ValidationError")
    none = await ask(
        "application-autoscaling", "describe_scaling_activities", ServiceNamespace="ecs"
    )
    assert none["ScalingActivities"] == []


async def test_a_services_tag_finds_what_is_its_own(ask: Ask) -> None:
    arns = await tagged(ask, TagFilters=[{"Key": "Service", "Values": ["pricing-service"]}])
    assert [arn.split(":")[2] for arn in arns] == ["ecs", "lambda", "elasticloadbalancing"]
    [database] = await tagged(ask, TagFilters=[{"Key": "Service", "Values": ["orders-db"]}])
    assert database.endswith(":db:orders-db")


async def test_resources_are_found_by_type_arn_and_page(ask: Ask) -> None:
    machines = await tagged(ask, ResourceTypeFilters=["ec2:instance"])
    assert len(machines) == 5
    assert await tagged(ask, ResourceTypeFilters=["ec2"]) == machines
    assert await tagged(ask, ResourceARNList=machines[:1]) == machines[:1]
    page = await ask("resourcegroupstaggingapi", "get_resources", ResourcesPerPage=20)
    token = page["PaginationToken"]
    rest = await ask(
        "resourcegroupstaggingapi", "get_resources", ResourcesPerPage=20, PaginationToken=token
    )
    assert rest["PaginationToken"] == ""
    everything = page["ResourceTagMappingList"] + rest["ResourceTagMappingList"]
    assert len({entry["ResourceARN"] for entry in everything}) == len(everything) == 22


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("ecs", "update_service", {"service": "pricing-service", "desiredCount": 0}),
        ("rds", "reboot_db_instance", {"DBInstanceIdentifier": "orders-db"}),
        ("ec2", "terminate_instances", {"InstanceIds": ["i-1"]}),
        ("lambda", "delete_function", {"FunctionName": "price-import"}),
    ],
)
async def test_what_would_change_something_is_denied(
    ask: Ask, service: str, operation: str, parameters: dict[str, Any]
) -> None:
    refusal = await refused(ask, service, operation, **parameters)
    assert refusal == (403, "AccessDeniedException")
