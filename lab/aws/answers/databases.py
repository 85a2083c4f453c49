"""RDS: an instance for each database with an engine that RDS has, and what happened to it."""

from datetime import timedelta
from typing import Any

from lab.aws.answers.arns import matches
from lab.aws.scene import REGION, Parameters, Refused, Result, Scene, page
from lab.signals import DAY_MINUTES, Instance
from lab.topology import Database

_ENGINES = {
    "postgresql": ("postgres", 5432),
    "postgres": ("postgres", 5432),
    "mysql": ("mysql", 3306),
    "mariadb": ("mariadb", 3306),
    "aurora-postgresql": ("aurora-postgresql", 5432),
    "aurora-mysql": ("aurora-mysql", 3306),
    "oracle": ("oracle-ee", 1521),
    "sqlserver": ("sqlserver-se", 1433),
}
"""What RDS calls an engine, and the port it listens on."""


def databases(scene: Scene) -> list[Database]:
    """The databases that RDS runs, in the order of their names."""
    found = [each for each in scene.story.topology.database if each.engine.lower() in _ENGINES]
    return sorted(found, key=lambda each: each.name)


def database_arn(scene: Scene, name: str) -> str:
    """The ARN of an instance."""
    return scene.arn("rds", f"db:{name}")


def describe(scene: Scene, parameters: Parameters) -> Result:
    """DescribeDBInstances: all, one, or by the filters `db-instance-id` and `engine`."""
    name = parameters.get("DBInstanceIdentifier")
    found = [
        instance
        for instance in (_instance(scene, database) for database in databases(scene))
        if name in (None, instance["DBInstanceIdentifier"], instance["DBInstanceArn"])
    ]
    if name is not None and not found:
        raise Refused("DBInstanceNotFound", f"DBInstance {name} not found.", 404)
    for each in parameters.get("Filters") or ():
        member = {"db-instance-id": "DBInstanceIdentifier", "engine": "Engine"}.get(each["Name"])
        if member is None:
            raise Refused("InvalidParameterValue", f"Unrecognized filter name: {each['Name']}")
        found = [instance for instance in found if matches(instance[member], each["Values"])]
    part, following = page(parameters, found, ("MaxRecords", 100, 100), "Marker")
    return {"DBInstances": part, **following}


def events(scene: Scene, parameters: Parameters) -> Result:
    """DescribeEvents: of a time, of one instance or all; the last hour without a time."""
    end = parameters.get("EndTime") or scene.story.now
    start = parameters.get("StartTime") or end - timedelta(minutes=parameters.get("Duration") or 60)
    source = parameters.get("SourceIdentifier")
    if source is not None and parameters.get("SourceType") is None:
        raise Refused("InvalidParameterCombination", "give a SourceType with a SourceIdentifier")
    found: list[dict[str, Any]] = [
        {
            "SourceIdentifier": name,
            "SourceType": "db-instance",
            "Message": event.message,
            "EventCategories": ["notification"],
            "Date": scene.story.ago(event.minutes_ago),
            "SourceArn": database_arn(scene, name),
        }
        for name in (database.name for database in databases(scene))
        for event in _written(scene, name).event
        if source in (None, name)
        and parameters.get("SourceType") in (None, "db-instance")
        and start <= scene.story.ago(event.minutes_ago) <= end
    ]
    found.sort(key=lambda event: event["Date"])
    part, following = page(parameters, found, ("MaxRecords", 100, 100), "Marker")
    return {"Events": part, **following}


def _written(scene: Scene, name: str) -> Instance:
    written = {entry.name: entry for entry in scene.story.incident.signals.instance}
    return written.get(name) or Instance(name=name)


def _instance(scene: Scene, database: Database) -> dict[str, Any]:
    engine, port = _ENGINES[database.engine.lower()]
    zones = {host.name: host.zone for host in scene.story.topology.host}
    return {
        "DBInstanceIdentifier": database.name,
        "DBInstanceArn": database_arn(scene, database.name),
        "DBInstanceClass": "db.r7g.large",
        "Engine": engine,
        "DBInstanceStatus": _written(scene, database.name).status,
        "Endpoint": {
            "Address": f"{database.name}.lab.{REGION}.rds.amazonaws.com",
            "Port": port,
        },
        "AllocatedStorage": 200,
        "InstanceCreateTime": scene.story.ago(90 * DAY_MINUTES),
        "AvailabilityZone": zones[database.host],
        "MultiAZ": False,
        "PubliclyAccessible": False,
        "PendingModifiedValues": {},
        "TagList": [{"Key": "Service", "Value": database.name}],
    }
