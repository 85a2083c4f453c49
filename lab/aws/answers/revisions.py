"""ECS task definitions: one revision for each deployment of the story, and one before them."""

from datetime import datetime

from lab.aws.answers.arns import named
from lab.aws.scene import ACCOUNT, REGION, Parameters, Refused, Result, Scene
from lab.signals import DAY_MINUTES
from lab.topology import Service

_FIRST_MINUTES_AGO = 90 * DAY_MINUTES
"""When what runs without a deployment in the story was deployed."""
_BEFORE = "previous"
"""The image tag of a version that the story does not name."""


def running_revision(scene: Scene, service: Service) -> int:
    """The number of what runs, or comes to run: the newest that was not rolled back."""
    deployed = enumerate(scene.deployments(service.name), start=1)
    return max((number for number, each in deployed if each.status != "rolled_back"), default=0)


def created(scene: Scene, service: Service, number: int) -> datetime:
    """When that revision was deployed."""
    deployed = scene.deployments(service.name)
    minutes = deployed[number - 1].minutes_ago if number else _FIRST_MINUTES_AGO
    return scene.story.ago(minutes)


def definition_arn(scene: Scene, service: Service, number: int) -> str:
    """The ARN of that revision; AWS counts from 1."""
    return scene.arn("ecs", f"task-definition/{service.name}:{number + 1}")


def image(scene: Scene, service: Service, number: int) -> str:
    """The image that the revision runs; its tag is the version."""
    deployed = [deployment.version for deployment in scene.deployments(service.name)]
    first = _BEFORE if service.version in deployed else service.version
    return f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{service.name}:{[first, *deployed][number]}"


def describe(scene: Scene, parameters: Parameters) -> Result:
    """DescribeTaskDefinition: of what runs, or of one revision; its environment has a secret."""
    name, _, number = named(parameters["taskDefinition"]).partition(":")
    services = {service.name: service for service in scene.story.topology.service}
    revisions = range(len(scene.deployments(name)) + 1)
    service = services.get(name)
    if service is None or (number and not number.isdecimal()):
        raise Refused("ClientException", "Unable to describe task definition.")
    revision = int(number) - 1 if number else running_revision(scene, service)
    if revision not in revisions:
        raise Refused("ClientException", "Unable to describe task definition.")
    return {
        "taskDefinition": {
            "taskDefinitionArn": definition_arn(scene, service, revision),
            "family": service.name,
            "revision": revision + 1,
            "status": "ACTIVE",
            "registeredAt": created(scene, service, revision),
            "containerDefinitions": [
                {
                    "name": service.name,
                    "image": image(scene, service, revision),
                    "essential": True,
                    "environment": [{"name": "DB_PASSWORD", "value": "lab-hunter2-not-a-secret"}],
                }
            ],
        }
    }
