"""Autoscaling groups of the story and what they did."""

import hashlib
from typing import Any

from lab.aws.answers.arns import matches
from lab.aws.scene import Parameters, Refused, Result, Scene, page
from lab.signals import DAY_MINUTES, Happening, ScalingGroup
from lab.story import instance_id

_WEEKS_6_MINUTES = 42 * DAY_MINUTES
"""AWS forgets activities after six weeks."""


def groups(scene: Scene, parameters: Parameters) -> Result:
    """DescribeAutoScalingGroups, by names and tags; a name that is not there is left out."""
    names = parameters.get("AutoScalingGroupNames")
    filters = parameters.get("Filters") or []
    every = scene.story.incident.signals.scaling_group
    found = [
        _group(scene, entry)
        for entry in every
        if (not names or entry.name in names) and all(_passes(entry, each) for each in filters)
    ]
    part, following = page(parameters, found, ("MaxRecords", 50, 100))
    return {"AutoScalingGroups": part, **following}


def activities(scene: Scene, parameters: Parameters) -> Result:
    """DescribeScalingActivities: of one group or of all, the newest first."""
    name = parameters.get("AutoScalingGroupName")
    every = scene.story.incident.signals.scaling_group
    if name is not None and name not in {entry.name for entry in every}:
        message = f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found"
        raise Refused("ValidationError", message)
    found = [
        _activity(scene, entry, happening)
        for entry in every
        for happening in entry.activity
        if name in (None, entry.name) and happening.minutes_ago <= _WEEKS_6_MINUTES
    ]
    found.sort(key=lambda activity: activity["StartTime"], reverse=True)
    part, following = page(parameters, found, ("MaxRecords", 100, 100))
    return {"Activities": part, **following}


def no_activities(_scene: Scene, _parameters: Parameters) -> Result:
    """Application Auto Scaling's DescribeScalingActivities: the story has no such policies."""
    return {"ScalingActivities": []}


def _passes(entry: ScalingGroup, asked: dict[str, Any]) -> bool:
    """Whether the group has the tag that a filter asks for; its only one is Service."""
    kind, _, key = asked["Name"].partition(":")
    if kind != "tag" or not key:
        raise Refused("ValidationError", f"The lab knows no filter {asked['Name']!r}")
    return key == "Service" and matches(entry.service, asked.get("Values") or [])


def _group(scene: Scene, entry: ScalingGroup) -> dict[str, Any]:
    services = {service.name: service.hosts for service in scene.story.topology.service}
    zones = {host.name: host.zone for host in scene.story.topology.host}
    hosts = services.get(entry.service, ())
    return {
        "AutoScalingGroupName": entry.name,
        "MinSize": entry.minimum,
        "MaxSize": entry.maximum,
        "DesiredCapacity": entry.desired,
        "DefaultCooldown": 300,
        "AvailabilityZones": sorted({zones[host] for host in hosts}),
        "HealthCheckType": "EC2",
        "CreatedTime": scene.story.ago(90 * DAY_MINUTES),
        "Instances": [
            {
                "InstanceId": instance_id(host),
                "AvailabilityZone": zones[host],
                "LifecycleState": "InService",
                "HealthStatus": "Healthy",
                "ProtectedFromScaleIn": False,
            }
            for host in hosts
        ],
        "Tags": [
            {
                "ResourceId": entry.name,
                "ResourceType": "auto-scaling-group",
                "Key": "Service",
                "Value": entry.service,
                "PropagateAtLaunch": False,
            }
        ],
    }


def _activity(scene: Scene, entry: ScalingGroup, happening: Happening) -> dict[str, Any]:
    """An activity whose message begins with `Failed` has failed."""
    at = scene.story.ago(happening.minutes_ago)
    seed = hashlib.sha256(f"{entry.name} {happening}".encode()).hexdigest()
    return {
        "ActivityId": seed[:32],
        "AutoScalingGroupName": entry.name,
        "Description": happening.message,
        "Cause": happening.message,
        "StartTime": at,
        "EndTime": at,
        "StatusCode": "Failed" if happening.message.startswith("Failed") else "Successful",
        "Progress": 100,
    }
