"""Questions to RDS: is a database available, and what happened to it in the last day."""

import asyncio
from typing import Any

from graph.tools.aws.client import Aws
from graph.tools.aws.found import EVENTS_EACH, Found, joined, named
from graph.tools.aws.refusal import AwsRefused

DATABASES = 20
RECENT_MINUTES = 24 * 60
_WELL = frozenset({"available", "backing-up", "storage-optimization"})


async def databases(aws: Aws, name: str, arns: list[str]) -> Found:
    """The RDS instances with that identifier, and those of the ARNs, with a day of events.

    Raises AwsRefused.
    """
    found = Found()
    names = list(dict.fromkeys([name, *named(arns, "db:")]))[:DATABASES]
    answers = await asyncio.gather(*(_instances(aws, one) for one in names))
    every = [instance for answer in answers for instance in answer]
    for instance in every:
        _add(found, instance)
    await asyncio.gather(
        *(_events(aws, found, instance["DBInstanceIdentifier"]) for instance in every)
    )
    return found


async def _instances(aws: Aws, identifier: str) -> list[dict[str, Any]]:
    try:
        answer = await aws.call("rds", "DescribeDBInstances", DBInstanceIdentifier=identifier)
    except AwsRefused as refused:
        if refused.code not in ("DBInstanceNotFound", "DBInstanceNotFoundFault"):
            raise
        return []
    instances: list[dict[str, Any]] = answer.get("DBInstances", [])
    return instances


async def _events(aws: Aws, found: Found, identifier: str) -> None:
    asking = aws.call(
        "rds",
        "DescribeEvents",
        SourceIdentifier=identifier,
        SourceType="db-instance",
        Duration=RECENT_MINUTES,
    )
    answer = await found.ask(f"events of {identifier}", asking, {})
    # They come oldest first.
    for event in answer.get("Events", [])[-EVENTS_EACH:]:
        found.event(event.get("Date"), identifier, event.get("Message"))


def _add(found: Found, instance: dict[str, Any]) -> None:
    status = instance.get("DBInstanceStatus", "?")
    # The names of what changes alone: a new password is among the values.
    pending = sorted(
        name for name, value in instance.get("PendingModifiedValues", {}).items() if value
    )
    found.resource(
        "rds instance",
        instance["DBInstanceIdentifier"],
        status,
        joined(
            " ".join(filter(None, (instance.get("Engine"), instance.get("EngineVersion")))),
            instance.get("DBInstanceClass"),
            f"{instance.get('AllocatedStorage')} GiB",
            "multi-AZ" if instance.get("MultiAZ") else "single-AZ",
            f"pending: {', '.join(pending)}" if pending else None,
        ),
        status in _WELL,
    )
