"""Questions to EC2 and Auto Scaling: are machines up and well, and what did groups of them do."""

from datetime import UTC, datetime, timedelta
from typing import Any

from graph.tools.aws.client import Aws
from graph.tools.aws.found import EVENTS_EACH, TAG_KEYS, Found, joined, named
from graph.tools.window import iso

INSTANCES = 100
"""Machines of one name that are looked at."""
GROUPS = 10
RECENT = timedelta(hours=24)
_GROUP_TAG = "aws:autoscaling:groupName"


async def machines(aws: Aws, name: str, arns: list[str]) -> Found:
    """The EC2 instances whose Name tag is that name, and those of the ARNs, with their checks.

    Raises AwsRefused.
    """
    found = Found()
    by_name = await _instances(aws, Filters=[{"Name": "tag:Name", "Values": [name]}])
    known = {instance.get("InstanceId") for instance in by_name}
    further = [one for one in named(arns, "instance/") if one not in known][:INSTANCES]
    if further:
        filters = [{"Name": "instance-id", "Values": further}]
        by_name += await _instances(aws, Filters=filters)
    ids = [instance["InstanceId"] for instance in by_name][:INSTANCES]
    if not ids:
        return found
    if len(by_name) > INSTANCES:
        found.left.append(f"{len(by_name) - INSTANCES} ec2 instances")
    asking = aws.call("ec2", "DescribeInstanceStatus", InstanceIds=ids, IncludeAllInstances=True)
    answer = await found.ask("status checks of ec2", asking, {})
    checks = {entry.get("InstanceId"): entry for entry in answer.get("InstanceStatuses", [])}
    for instance in by_name[:INSTANCES]:
        _add(found, instance, checks.get(instance["InstanceId"], {}))
    return found


async def scaling(aws: Aws, name: str, groups: list[str]) -> Found:
    """The Auto Scaling groups of that name, tagged with it, and those named; their last day.

    Raises AwsRefused.
    """
    found = Found()
    names = list(dict.fromkeys([name, *groups]))[:GROUPS]
    selections: list[dict[str, Any]] = [{"AutoScalingGroupNames": names}]
    selections += [{"Filters": [{"Name": f"tag:{key}", "Values": [name]}]} for key in TAG_KEYS]
    every: dict[str, dict[str, Any]] = {}
    for selection in selections:
        answer = await aws.call(
            "autoscaling", "DescribeAutoScalingGroups", MaxRecords=GROUPS, **selection
        )
        every |= {
            group["AutoScalingGroupName"]: group for group in answer.get("AutoScalingGroups", [])
        }
    since = datetime.now(UTC) - RECENT
    for group in list(every.values())[:GROUPS]:
        _add_group(found, group)
        group_name = group["AutoScalingGroupName"]
        asking = aws.call(
            "autoscaling",
            "DescribeScalingActivities",
            AutoScalingGroupName=group_name,
            MaxRecords=EVENTS_EACH,
        )
        answer = await found.ask(f"activities of {group_name}", asking, {})
        for activity in answer.get("Activities", []):
            if activity.get("StartTime", since) >= since:
                words = joined(activity.get("StatusCode"), activity.get("Description"))
                found.event(activity.get("StartTime"), group_name, words)
    return found


async def _instances(aws: Aws, **selection: Any) -> list[dict[str, Any]]:
    answer = await aws.call("ec2", "DescribeInstances", **selection)
    return [
        instance
        for reservation in answer.get("Reservations", [])
        for instance in reservation.get("Instances", [])
    ]


def _add(found: Found, instance: dict[str, Any], checks: dict[str, Any]) -> None:
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
    state = instance.get("State", {}).get("Name", "?")
    results = {
        kind: checks.get(f"{kind}Status", {}).get("Status") for kind in ("System", "Instance")
    }
    words = [f"{kind.lower()} check {status}" for kind, status in results.items() if status]
    events = [
        f"scheduled {event.get('Code')}: {event.get('Description')}"
        for event in checks.get("Events", [])
    ]
    launched = instance.get("LaunchTime")
    zone = instance.get("Placement", {}).get("AvailabilityZone")
    reason = instance.get("StateReason", {}).get("Message")
    found.resource(
        "ec2 instance",
        tags.get("Name") or instance["InstanceId"],
        state,
        joined(
            instance["InstanceId"],
            *words,
            reason,
            *events,
            instance.get("InstanceType"),
            zone,
            f"launched {iso(launched)}" if launched else None,
        ),
        state == "running" and not events and set(results.values()) <= {"ok", None},
    )
    if _GROUP_TAG in tags:
        found.scaling_groups.append(tags[_GROUP_TAG])


def _add_group(found: Found, group: dict[str, Any]) -> None:
    members = group.get("Instances", [])
    well = [
        member
        for member in members
        if member.get("HealthStatus", "").lower() == "healthy"
        and member.get("LifecycleState") == "InService"
    ]
    desired = group.get("DesiredCapacity", 0)
    suspended = [process.get("ProcessName", "") for process in group.get("SuspendedProcesses", [])]
    found.resource(
        "autoscaling group",
        group["AutoScalingGroupName"],
        f"{len(well)}/{desired} in service",
        joined(
            f"desired {desired} of {group.get('MinSize')} to {group.get('MaxSize')}",
            f"suspended: {', '.join(suspended)}" if suspended else None,
        ),
        len(well) >= desired,
    )
