"""ECS tasks: as many of a service as the story says run or are pending."""

import hashlib
from typing import Any

from lab.aws.answers.arns import named
from lab.aws.answers.containers import check_cluster, cluster_arn, counts, services
from lab.aws.answers.revisions import created, definition_arn, image, running_revision
from lab.aws.scene import Parameters, Refused, Result, Scene, page
from lab.story import CLUSTER
from lab.topology import Service

TASK_LIMIT = 1000
"""Tasks of one service that are told one by one."""


def list_tasks(scene: Scene, parameters: Parameters) -> Result:
    """ListTasks: the running and pending ones, of a service or of all."""
    check_cluster(parameters)
    wanted = parameters.get("serviceName")
    family = parameters.get("family")
    known = {service.name: service for service in services(scene)}
    if wanted is not None and named(wanted) not in known:
        raise Refused("ServiceNotFoundException", "Service not found.")
    arns = [
        task["taskArn"]
        for name, service in known.items()
        if (wanted is None or name == named(wanted)) and family in (None, name)
        for task in _tasks(scene, service)
        if parameters.get("desiredStatus", "RUNNING") == "RUNNING"
    ]
    part, following = page(parameters, arns, ("maxResults", 100, 100), "nextToken")
    return {"taskArns": part, **following}


def describe_tasks(scene: Scene, parameters: Parameters) -> Result:
    """DescribeTasks."""
    check_cluster(parameters)
    every = [task for service in services(scene) for task in _tasks(scene, service)]
    known = {named(task["taskArn"]): task for task in every}
    asked = [named(each) for each in parameters["tasks"]]
    return {
        "tasks": [known[each] for each in asked if each in known],
        "failures": [{"arn": each, "reason": "MISSING"} for each in asked if each not in known],
    }


def _tasks(scene: Scene, service: Service) -> list[dict[str, Any]]:
    told = counts(scene, service)
    status = ["RUNNING"] * told.running + ["PENDING"] * told.pending
    return [_task(scene, service, place, each) for place, each in enumerate(status[:TASK_LIMIT])]


def _task(scene: Scene, service: Service, place: int, status: str) -> dict[str, Any]:
    number = running_revision(scene, service)
    task = hashlib.sha256(f"{service.name} {place}".encode()).hexdigest()[:32]
    started = {"startedAt": created(scene, service, number)} if status == "RUNNING" else {}
    return {
        "taskArn": scene.arn("ecs", f"task/{CLUSTER}/{task}"),
        "clusterArn": cluster_arn(scene),
        "taskDefinitionArn": definition_arn(scene, service, number),
        "group": f"service:{service.name}",
        "desiredStatus": "RUNNING",
        "lastStatus": status,
        "healthStatus": "HEALTHY" if status == "RUNNING" else "UNKNOWN",
        "launchType": "EC2",
        "createdAt": created(scene, service, number),
        "containers": [
            {
                "name": service.name,
                "image": image(scene, service, number),
                "lastStatus": status,
            }
        ],
        **started,
    }
