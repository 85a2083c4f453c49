"""ELBv2: one load balancer, and the target groups of the story with the health of each target."""

import hashlib
from typing import Any

from lab.aws.scene import ACCOUNT, REGION, Parameters, Refused, Result, Scene, page
from lab.signals import DAY_MINUTES, Target, TargetGroup
from lab.story import CLUSTER, instance_id

PORT = 8080
LOAD_BALANCER = f"app/{CLUSTER}/50dc6c495c0c9188"
"""What CloudWatch calls it in the dimension `LoadBalancer`."""
_REASONS = {
    "unhealthy": "Target.FailedHealthChecks",
    "draining": "Target.DeregistrationInProgress",
    "initial": "Elb.RegistrationInProgress",
}
"""Why a target is not healthy, where the story does not say."""


def group_arn(scene: Scene, name: str) -> str:
    """The ARN of a target group."""
    seed = hashlib.sha256(name.encode()).hexdigest()[:16]
    return scene.arn("elasticloadbalancing", f"targetgroup/{name}/{seed}")


def load_balancers(scene: Scene, parameters: Parameters) -> Result:
    """DescribeLoadBalancers: the one there is, when the story has target groups."""
    arn = _balancer_arn(scene)
    balancer = {
        "LoadBalancerArn": arn,
        "LoadBalancerName": CLUSTER,
        "DNSName": f"{CLUSTER}-lab.{REGION}.elb.amazonaws.com",
        "CreatedTime": scene.story.ago(90 * DAY_MINUTES),
        "Scheme": "internet-facing",
        "State": {"Code": "active"},
        "Type": "application",
        "AvailabilityZones": [
            {"ZoneName": zone} for zone in sorted({host.zone for host in scene.story.topology.host})
        ],
        "CanonicalHostedZoneId": ACCOUNT,
    }
    there = [balancer] if scene.story.incident.signals.target_group else []
    for member, asked in (("LoadBalancerName", "Names"), ("LoadBalancerArn", "LoadBalancerArns")):
        there = _chosen(there, member, parameters.get(asked), "LoadBalancerNotFound")
    part, following = page(parameters, there, ("PageSize", 400, 400), "Marker", "NextMarker")
    return {"LoadBalancers": part, **following}


def target_groups(scene: Scene, parameters: Parameters) -> Result:
    """DescribeTargetGroups: by names, ARNs, or load balancer."""
    there = [_group(scene, entry) for entry in scene.story.incident.signals.target_group]
    for member, asked in (("TargetGroupName", "Names"), ("TargetGroupArn", "TargetGroupArns")):
        there = _chosen(there, member, parameters.get(asked), "TargetGroupNotFound")
    if parameters.get("LoadBalancerArn") not in (None, _balancer_arn(scene)):
        raise Refused("LoadBalancerNotFound", "Load balancer not found")
    part, following = page(parameters, there, ("PageSize", 400, 400), "Marker", "NextMarker")
    return {"TargetGroups": part, **following}


def target_health(scene: Scene, parameters: Parameters) -> Result:
    """DescribeTargetHealth: of one target group, of all its targets or some."""
    groups = scene.story.incident.signals.target_group
    known = {group_arn(scene, entry.name): entry for entry in groups}
    group = known.get(parameters["TargetGroupArn"])
    if group is None:
        raise Refused("TargetGroupNotFound", "One or more target groups not found")
    wanted = {each["Id"] for each in parameters.get("Targets") or ()}
    told = [_health(target) for target in group.target]
    return {
        "TargetHealthDescriptions": [
            each for each in told if not wanted or each["Target"]["Id"] in wanted
        ]
    }


def _balancer_arn(scene: Scene) -> str:
    return scene.arn("elasticloadbalancing", f"loadbalancer/{LOAD_BALANCER}")


def _chosen(
    there: list[dict[str, Any]], member: str, asked: list[str] | None, code: str
) -> list[dict[str, Any]]:
    if not asked:
        return there
    known = {each[member]: each for each in there}
    if missing := [each for each in asked if each not in known]:
        raise Refused(code, f"One or more not found: {', '.join(missing)}")
    return [known[each] for each in asked]


def _group(scene: Scene, entry: TargetGroup) -> dict[str, Any]:
    return {
        "TargetGroupArn": group_arn(scene, entry.name),
        "TargetGroupName": entry.name,
        "Protocol": "HTTP",
        "Port": PORT,
        "HealthCheckEnabled": True,
        "HealthCheckPath": "/health",
        "HealthCheckIntervalSeconds": 15,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 3,
        "UnhealthyThresholdCount": 2,
        "LoadBalancerArns": [_balancer_arn(scene)],
        "TargetType": "instance",
    }


def _health(target: Target) -> dict[str, Any]:
    """AWS's reasons have a dot and no blank; other words of the story are the description."""
    usual = _REASONS.get(target.state, "")
    ours = "." in target.reason and " " not in target.reason
    said = {
        "Reason": target.reason if ours else usual,
        "Description": "" if ours else target.reason,
    }
    return {
        "Target": {"Id": instance_id(target.host), "Port": PORT},
        "HealthCheckPort": str(PORT),
        "TargetHealth": {"State": target.state} | {key: text for key, text in said.items() if text},
    }
