"""Questions to ECS: does a service run what it should, and what was deployed."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from graph.tools.aws.client import Aws, within
from graph.tools.aws.found import EVENTS_EACH, Found, cut_off, joined
from graph.tools.window import Window, iso

CLUSTERS = 20
"""Clusters that are looked through."""
SERVICES = 100
"""Services of one cluster that are looked at when all are asked for."""
_NEVER = datetime.max.replace(tzinfo=UTC)
_NEAR = 12
_NEAR_CLUSTERS = 5
_AT_ONCE = 10
"""What one ecs:DescribeServices takes."""


async def services(aws: Aws, name: str, arns: list[str]) -> Found:
    """The ECS services of that name in every cluster, and those of the ARNs.

    Raises AwsRefused. Environment variables are in task definitions, which are not asked for.
    """
    found = Found()
    clusters, more = await _clusters(aws)
    if more:
        found.left.append(f"ecs clusters after the first {CLUSTERS}")
    wanted = {cluster: [name] for cluster in clusters}
    for arn in arns:
        resource = arn.split(":", 5)[-1].split("/")
        if arn.split(":")[2:3] == ["ecs"] and resource[0] == "service" and len(resource) == 3:
            cluster = next((c for c in clusters if c.endswith(f"/{resource[1]}")), resource[1])
            wanted.setdefault(cluster, []).append(resource[2])
    answers = await asyncio.gather(
        *(_described(aws, cluster, names) for cluster, names in wanted.items())
    )
    for service in (service for answer in answers for service in answer):
        _add(found, service)
    return found


async def deployments(aws: Aws, service: str, window: Window) -> list[dict[str, Any]]:
    """The deployments of a service, or of all, that began in that time, newest first.

    Rows of `graph.tools.changes.CHANGE_COLUMNS`; the version is the task definition's. ECS tells
    of the last deployment of a service, and of those before it that still run. Source:
    ecs:ListClusters, ListServices, DescribeServices. Raises AwsRefused.
    """
    clusters, more = await _clusters(aws)
    rows: list[dict[str, Any]] = []
    with within(window):
        for cluster in clusters:
            names = [service]
            if not service:
                answers, cut = await aws.pages(
                    "ecs", "ListServices", 1, cluster=cluster, maxResults=SERVICES
                )
                names = [arn for answer in answers for arn in answer.get("serviceArns", [])]
                more = more or cut
            for one in await _described(aws, cluster, names):
                rows += [
                    _change(one, deployment)
                    for deployment in one.get("deployments", [])
                    if window.start <= deployment.get("createdAt", _NEVER) <= window.end
                ]
    rows.sort(key=lambda row: str(row["at"]), reverse=True)
    return [*rows, cut_off(window, "further ECS clusters or services were not read")][
        : len(rows) + more
    ]


def _change(service: dict[str, Any], deployment: dict[str, Any]) -> dict[str, Any]:
    return {
        "at": iso(deployment["createdAt"]),
        "component": service.get("serviceName", ""),
        "kind": "ecs deployment",
        "version": _family(deployment),
        "status": deployment.get("rolloutState") or deployment.get("status"),
        "by": None,
        "detail": joined(deployment.get("id"), deployment.get("rolloutStateReason")),
    }


async def services_there(aws: Aws, name: str) -> str:
    """Words about the ECS services called like that name, or about all.

    Source: ecs:ListClusters, ListServices. Raises AwsRefused.
    """
    clusters, more = await _clusters(aws)
    names: set[str] = set()
    for cluster in clusters[:_NEAR_CLUSTERS]:
        answers, cut = await aws.pages(
            "ecs", "ListServices", 1, cluster=cluster, maxResults=SERVICES
        )
        more = more or cut
        arns = [arn for answer in answers for arn in answer.get("serviceArns", [])]
        names |= {arn.rpartition("/")[2] for arn in arns}
    word = name.split("-")[0].lower()
    like = sorted(one for one in names if word and word in one.lower())
    shown = like or sorted(names)
    rest = " and more" if more or len(shown) > _NEAR or len(clusters) > _NEAR_CLUSTERS else ""
    which = "like it" if like else "there are"
    return f"ecs services {which}: {', '.join(shown[:_NEAR]) or 'none'}{rest}"


async def _clusters(aws: Aws) -> tuple[list[str], bool]:
    answers, more = await aws.pages("ecs", "ListClusters", 1, maxResults=CLUSTERS)
    return [arn for answer in answers for arn in answer.get("clusterArns", [])], more


async def _described(aws: Aws, cluster: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """The services of these names or ARNs; one that is not in the cluster is left out."""
    names = list(dict.fromkeys(names))
    answers = [
        await aws.call(
            "ecs", "DescribeServices", cluster=cluster, services=names[first : first + _AT_ONCE]
        )
        for first in range(0, len(names), _AT_ONCE)
    ]
    every = [service for answer in answers for service in answer.get("services", [])]
    return [service for service in every if service.get("status") != "INACTIVE"]


def _add(found: Found, service: dict[str, Any]) -> None:
    name = service.get("serviceName", "")
    desired, running, pending = (
        service.get(f"{count}Count", 0) for count in ("desired", "running", "pending")
    )
    rollouts = [_rollout(deployment) for deployment in service.get("deployments", [])]
    failed = any(d.get("rolloutState") == "FAILED" for d in service.get("deployments", []))
    cluster = service.get("clusterArn", "").rpartition("/")[2]
    counts = f"running {running} of {desired}, pending {pending}"
    found.resource(
        "ecs service",
        name,
        f"{service.get('status', '?')} {running}/{desired}",
        joined(f"cluster {cluster}", counts, *rollouts),
        running >= desired and not failed and service.get("status") == "ACTIVE",
    )
    for event in service.get("events", [])[:EVENTS_EACH]:
        found.event(event.get("createdAt"), name, event.get("message"))
    for balancer in service.get("loadBalancers", []):
        if balancer.get("targetGroupArn"):
            found.target_groups.append(balancer["targetGroupArn"])


def _rollout(deployment: dict[str, Any]) -> str:
    since = deployment.get("createdAt")
    return " ".join(
        str(part)
        for part in (
            deployment.get("status"),
            _family(deployment),
            deployment.get("rolloutState"),
            f"since {iso(since)}" if since else None,
            deployment.get("rolloutStateReason"),
        )
        if part
    )


def _family(deployment: dict[str, Any]) -> str:
    """`family:revision` of the task definition."""
    return str(deployment.get("taskDefinition") or "").rpartition("/")[2]
