"""Tags: which resource belongs to which service. Autoscaling groups are not told, as on AWS."""

from collections.abc import Iterator

from lab.aws.answers.balancers import group_arn
from lab.aws.answers.containers import service_arn, services
from lab.aws.answers.databases import database_arn, databases
from lab.aws.answers.functions import function_arn
from lab.aws.answers.machines import tags
from lab.aws.scene import Parameters, Refused, Result, Scene, page
from lab.story import instance_id


def resources(scene: Scene, parameters: Parameters) -> Result:
    """GetResources: by tags, types such as `ecs:service` or `rds`, or ARNs."""
    wanted = parameters.get("TagFilters") or []
    types = parameters.get("ResourceTypeFilters") or []
    arns = parameters.get("ResourceARNList") or []
    if arns and (wanted or types):
        raise Refused("InvalidParameterException", "ResourceARNList goes with no other filter")
    found = [
        {
            "ResourceARN": arn,
            "Tags": [{"Key": key, "Value": value} for key, value in tagged.items()],
        }
        for kind, arn, tagged in _every(scene)
        if (not arns or arn in arns)
        and (not types or kind in types or kind.partition(":")[0] in types)
        and all(
            each["Key"] in tagged
            and (not each.get("Values") or tagged[each["Key"]] in each["Values"])
            for each in wanted
        )
    ]
    part, following = page(parameters, found, ("ResourcesPerPage", 100, 100), "PaginationToken")
    return {"ResourceTagMappingList": part, "PaginationToken": "", **following}


def _every(scene: Scene) -> Iterator[tuple[str, str, dict[str, str]]]:
    """The type, ARN and tags of each resource."""
    signals = scene.story.incident.signals
    for service in services(scene):
        yield "ecs:service", service_arn(scene, service.name), {"Service": service.name}
    for database in databases(scene):
        yield "rds:db", database_arn(scene, database.name), {"Service": database.name}
    for host in scene.story.topology.host:
        arn = scene.arn("ec2", f"instance/{instance_id(host.name)}")
        yield "ec2:instance", arn, tags(scene, host)
    for function in signals.function:
        arn = function_arn(scene, function.name)
        yield "lambda:function", arn, {"Service": function.service}
    for group in signals.target_group:
        arn = group_arn(scene, group.name)
        yield "elasticloadbalancing:targetgroup", arn, {"Service": group.service}
