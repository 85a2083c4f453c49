"""ECS: the cluster, and a service for each of ours that has hosts, with its deployments."""

from typing import Any

from lab.aws.answers.arns import named
from lab.aws.answers.balancers import PORT, group_arn
from lab.aws.answers.revisions import created, definition_arn, running_revision
from lab.aws.scene import Parameters, Refused, Result, Scene, page
from lab.signals import Tasks
from lab.story import CLUSTER
from lab.topology import Service

_RUN = ("frontend", "gateway", "api", "worker")
"""The types of service that run as containers."""
_ROLLOUT = {"failed": "FAILED", "in_progress": "IN_PROGRESS"}


def services(scene: Scene) -> list[Service]:
    """The services that run on ECS, in the order of their names."""
    found = [each for each in scene.story.topology.service if each.type in _RUN and each.hosts]
    return sorted(found, key=lambda each: each.name)


def service_arn(scene: Scene, name: str) -> str:
    """The ARN of a service."""
    return scene.arn("ecs", f"service/{CLUSTER}/{name}")


def cluster_arn(scene: Scene) -> str:
    """The ARN of the one cluster."""
    return scene.arn("ecs", f"cluster/{CLUSTER}")


def check_cluster(parameters: Parameters) -> None:
    """Raise Refused when another cluster is asked for; none named is the one called default."""
    if named(parameters.get("cluster") or "default") != CLUSTER:
        raise Refused("ClusterNotFoundException", "Cluster not found.")


def counts(scene: Scene, service: Service) -> Tasks:
    """What the story says of a service's tasks; else there is one a host, and it runs."""
    written = {entry.name: entry for entry in scene.story.incident.signals.tasks}
    usual = len(service.hosts)
    return written.get(service.name) or Tasks(name=service.name, desired=usual, running=usual)


def list_clusters(scene: Scene, _parameters: Parameters) -> Result:
    """ListClusters."""
    return {"clusterArns": [cluster_arn(scene)]}


def describe_clusters(scene: Scene, parameters: Parameters) -> Result:
    """DescribeClusters."""
    asked = [named(each) for each in parameters.get("clusters") or ["default"]]
    tasks = [counts(scene, service) for service in services(scene)]
    cluster = {
        "clusterArn": cluster_arn(scene),
        "clusterName": CLUSTER,
        "status": "ACTIVE",
        "activeServicesCount": len(tasks),
        "runningTasksCount": sum(each.running for each in tasks),
        "pendingTasksCount": sum(each.pending for each in tasks),
        "registeredContainerInstancesCount": len(scene.story.topology.host),
    }
    missing = [{"arn": each, "reason": "MISSING"} for each in asked if each != CLUSTER]
    return {"clusters": [cluster] if CLUSTER in asked else [], "failures": missing}


def list_services(scene: Scene, parameters: Parameters) -> Result:
    """ListServices."""
    check_cluster(parameters)
    arns = [service_arn(scene, service.name) for service in services(scene)]
    part, following = page(parameters, arns, ("maxResults", 10, 100), "nextToken")
    return {"serviceArns": part, **following}


def describe_services(scene: Scene, parameters: Parameters) -> Result:
    """DescribeServices, at most ten at once."""
    check_cluster(parameters)
    asked = [named(each) for each in parameters["services"]]
    if len(asked) > 10:
        raise Refused("InvalidParameterException", "Services cannot be more than 10.")
    known = {service.name: service for service in services(scene)}
    with_tags = "TAGS" in (parameters.get("include") or ())
    return {
        "services": [_service(scene, known[each], with_tags) for each in asked if each in known],
        "failures": [
            {"arn": service_arn(scene, each), "reason": "MISSING"}
            for each in asked
            if each not in known
        ],
    }


def _service(scene: Scene, service: Service, with_tags: bool) -> Result:
    tasks = counts(scene, service)
    deployments = _deployments(scene, service)
    tags = {"tags": [{"key": "Service", "value": service.name}]} if with_tags else {}
    return {
        "serviceArn": service_arn(scene, service.name),
        "serviceName": service.name,
        "clusterArn": cluster_arn(scene),
        "status": "ACTIVE",
        "desiredCount": tasks.desired,
        "runningCount": tasks.running,
        "pendingCount": tasks.pending,
        "launchType": "EC2",
        "taskDefinition": deployments[0]["taskDefinition"],
        "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100},
        "deployments": deployments,
        "loadBalancers": [
            {
                "targetGroupArn": group_arn(scene, group.name),
                "containerName": service.name,
                "containerPort": PORT,
            }
            for group in scene.story.incident.signals.target_group
            if group.service == service.name
        ],
        "events": _events(scene, service),
        "createdAt": created(scene, service, 0),
        "schedulingStrategy": "REPLICA",
        **tags,
    }


def _deployments(scene: Scene, service: Service) -> list[dict[str, Any]]:
    """The newest first; while one is in progress, the one that it replaces is still there."""
    tasks = counts(scene, service)
    newest = scene.newest_deployment(service.name)
    status = newest.status if newest else "succeeded"
    number = running_revision(scene, service)
    at = scene.story.ago(newest.minutes_ago) if newest else created(scene, service, 0)
    primary = {
        "id": f"ecs-svc/{newest.id if newest else service.name}",
        "status": "PRIMARY",
        "taskDefinition": definition_arn(scene, service, number),
        "desiredCount": tasks.desired,
        "pendingCount": tasks.pending,
        "runningCount": tasks.running,
        "failedTasks": 0,
        "createdAt": at,
        "updatedAt": at,
        "launchType": "EC2",
        "rolloutState": _ROLLOUT.get(status, "COMPLETED"),
        "rolloutStateReason": f"ECS deployment {_ROLLOUT.get(status, 'COMPLETED').lower()}.",
    }
    if status != "in_progress":
        return [primary]
    before = created(scene, service, number - 1)
    return [
        {**primary, "runningCount": 0},
        {
            **primary,
            "id": f"ecs-svc/{service.name}-before",
            "status": "ACTIVE",
            "taskDefinition": definition_arn(scene, service, number - 1),
            "pendingCount": 0,
            "createdAt": before,
            "updatedAt": at,
            "rolloutState": "COMPLETED",
            "rolloutStateReason": "ECS deployment completed.",
        },
    ]


def _events(scene: Scene, service: Service) -> list[dict[str, Any]]:
    """The newest first; a service that runs what it should says so, once."""
    tasks = counts(scene, service)
    told = [(scene.story.ago(each.minutes_ago), each.message) for each in tasks.event]
    if not told and tasks.running == tasks.desired:
        newest = scene.newest_deployment(service.name)
        at = scene.story.ago(newest.minutes_ago) if newest else created(scene, service, 0)
        told = [(at, f"(service {service.name}) has reached a steady state.")]
    return [
        {"id": f"{service.name}-{place}", "createdAt": at, "message": message}
        for place, (at, message) in enumerate(sorted(told, reverse=True))
    ]
