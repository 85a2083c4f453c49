"""Questions to load balancers: which targets of a group are healthy, and why the others are not."""

import asyncio
import re
from typing import Any

from graph.tools.aws.client import Aws
from graph.tools.aws.found import Found, joined
from graph.tools.aws.refusal import AwsRefused

GROUPS = 20
REASONS_SHOWN = 5
_NAME = re.compile(r"[A-Za-z0-9-]{1,32}")


async def target_groups(aws: Aws, name: str, arns: list[str]) -> Found:
    """The target groups of that name, and those of the ARNs, with their targets' health.

    Raises AwsRefused.
    """
    found = Found()
    wanted = [arn for arn in dict.fromkeys(arns) if ":targetgroup/" in arn]
    if _NAME.fullmatch(name):
        wanted += [arn for arn in await _named(aws, name) if arn not in wanted]
    if len(wanted) > GROUPS:
        found.left.append(f"{len(wanted) - GROUPS} target groups")
    wanted = wanted[:GROUPS]
    answers = await asyncio.gather(
        *(aws.call("elbv2", "DescribeTargetHealth", TargetGroupArn=arn) for arn in wanted)
    )
    for arn, answer in zip(wanted, answers, strict=True):
        _add(found, arn.split("/")[1], answer.get("TargetHealthDescriptions", []))
    return found


async def _named(aws: Aws, name: str) -> list[str]:
    try:
        answer = await aws.call("elbv2", "DescribeTargetGroups", Names=[name])
    except AwsRefused as refused:
        if refused.code not in ("TargetGroupNotFound", "TargetGroupNotFoundException"):
            raise
        return []
    return [group["TargetGroupArn"] for group in answer.get("TargetGroups", [])]


def _add(found: Found, name: str, targets: list[dict[str, Any]]) -> None:
    health = [
        (entry.get("Target", {}).get("Id", "?"), entry.get("TargetHealth", {})) for entry in targets
    ]
    well = [one for one, state in health if state.get("State") == "healthy"]
    ill = [
        " ".join(
            filter(None, (one, state.get("State"), state.get("Reason"), state.get("Description")))
        )
        for one, state in health
        if state.get("State") != "healthy"
    ]
    left = len(ill) - REASONS_SHOWN
    found.resource(
        "target group",
        name,
        f"{len(well)}/{len(health)} healthy",
        joined(*ill[:REASONS_SHOWN], f"{left} more" if left > 0 else None) or "all healthy",
        bool(health) and not ill,
    )
