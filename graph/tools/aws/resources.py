"""One view of all that AWS has under a name: what is not well first, then what happened."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from graph.tools.aws.client import SOURCE, Aws
from graph.tools.aws.ec2 import machines, scaling
from graph.tools.aws.ecs import services, services_there
from graph.tools.aws.found import EVENT_COLUMNS, RESOURCE_COLUMNS, TAG_KEYS, Found
from graph.tools.aws.functions import functions
from graph.tools.aws.rds import databases
from graph.tools.aws.refusal import AwsRefused
from graph.tools.aws.targets import target_groups
from graph.tools.result import ToolResult, table

TAG_PAGES = 2
ROWS_SHOWN = 60
EVENTS_SHOWN = 30
PARTS = ("ecs", "ec2", "rds", "lambda", "elb", "autoscaling")
_STAGES = 3
"""Tags, then what they name, then what stands behind that; each has its part of the time."""
_LOOKED_AT = (
    ":service/",
    ":instance/",
    ":db:",
    ":function:",
    ":targetgroup/",
    ":autoScalingGroup:",
)
"""Kinds of ARNs that a part asks about; others are shown as tagged."""


class Resources:
    """Asks tag:GetResources, ECS, EC2, Auto Scaling, RDS, load balancers and Lambda."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    async def aws_resource_health(
        self,
        service: Annotated[
            str,
            Field(
                min_length=1,
                max_length=128,
                pattern=r"^[^\x00-\x1f\x7f*?]*$",
                description="Exact name of a service, a database, a function or a host",
            ),
        ],
    ) -> ToolResult:
        """Show all AWS resources of a service or host: what is not well first, then events.

        By the tag Service, and by name: ECS services, EC2 instances, RDS instances, Lambda
        functions, target groups and Auto Scaling groups.
        """
        arns, found = await self._tagged(service)
        parts = {
            "ecs": services(self._aws, service, arns),
            "ec2": machines(self._aws, service, arns),
            "rds": databases(self._aws, service, arns),
            "lambda": functions(self._aws, service, arns),
        }
        failed = await self._stage(parts, found)
        behind = {
            "elb": target_groups(self._aws, service, [*arns, *found.target_groups]),
            "autoscaling": scaling(self._aws, service, found.scaling_groups),
        }
        failed += await self._stage(behind, found)
        question = f"tag {' or '.join(TAG_KEYS)} = {service!r}, name in {', '.join(PARTS)}"
        if len(failed) == len(PARTS) or (failed and not found.rows):
            raise AwsRefused("\n".join(_not_known(found)), question)
        near = "" if found.rows else await self._near(service)
        return self._shaped(question, found, near)

    async def _tagged(self, name: str) -> tuple[list[str], Found]:
        """The ARNs with that tag; what no part asks about is a row of its own."""
        found = Found()
        arns: list[str] = []

        async def look(key: str) -> list[str]:
            answers, more = await self._aws.pages(
                "resourcegroupstaggingapi",
                "GetResources",
                TAG_PAGES,
                TagFilters=[{"Key": key, "Values": [name]}],
            )
            if more:
                found.left.append(f"tagged resources after {TAG_PAGES} pages")
            return [
                entry["ResourceARN"]
                for answer in answers
                for entry in answer.get("ResourceTagMappingList", [])
            ]

        try:
            async with asyncio.timeout(self._stage_s):
                for listed in await asyncio.gather(*(look(key) for key in TAG_KEYS)):
                    arns += listed
        except AwsRefused as refused:
            found.unknown["tags"] = str(refused)
        except TimeoutError:
            found.unknown["tags"] = f"no answer in {self._stage_s:g} s"
        for arn in arns:
            if not any(kind in arn for kind in _LOOKED_AT):
                kind, _, rest = arn.partition(":")[2].partition(":")[2].partition(":")
                found.resource(kind, rest.split(":", 2)[-1], "tagged", "not looked at", True)
        return arns, found

    async def _stage(self, parts: Mapping[str, Awaitable[Found]], found: Found) -> list[str]:
        """Run the parts side by side and take what they found; the names of those that failed."""

        async def run(part: Awaitable[Found]) -> Found | str:
            try:
                async with asyncio.timeout(self._stage_s):
                    return await part
            except AwsRefused as refused:
                return str(refused)
            except TimeoutError:
                return f"no answer in {self._stage_s:g} s"

        failed = []
        answers = await asyncio.gather(*(run(part) for part in parts.values()))
        for name, answer in zip(parts, answers, strict=True):
            if isinstance(answer, str):
                failed.append(name)
                found.unknown[name] = answer
            else:
                found.take(answer)
        return failed

    @property
    def _stage_s(self) -> float:
        return self._aws.timeout_s / _STAGES

    async def _near(self, name: str) -> str:
        """Words about the services that there are; empty when they are not told."""
        try:
            async with asyncio.timeout(self._stage_s):
                return f"; {await services_there(self._aws, name)}"
        except (AwsRefused, TimeoutError):
            return ""

    def _shaped(self, question: str, found: Found, near: str) -> ToolResult:
        rows = sorted(_once(found.rows), key=lambda r: (r["healthy"], r["kind"], r["name"]))
        events = sorted(found.events, key=lambda event: event["at"] or "", reverse=True)
        if rows:
            ill = sum(not row["healthy"] for row in rows)
            lines = [f"{ill} of {len(rows)} are not well"]
        else:
            lines = [f"nothing has that tag or that name{near}"]
        # What is missing comes first, because a text that is too long is cut at its end.
        lines += _not_known(found)
        if len(rows) > ROWS_SHOWN:
            lines.append(f"[{len(rows) - ROWS_SHOWN} further resources, all as well as the last]")
        if len(events) > EVENTS_SHOWN:
            lines.append(f"[{len(events) - EVENTS_SHOWN} older events]")
        if rows:
            lines.append(table(RESOURCE_COLUMNS, rows[:ROWS_SHOWN]))
        if events:
            lines += ["events, newest first:", table(EVENT_COLUMNS, events[:EVENTS_SHOWN])]
        return ToolResult(
            status="ok" if rows else "no_data",
            source=SOURCE,
            query=question,
            matched=len(rows),
            returned=len(rows[:ROWS_SHOWN]),
            url=self._aws.link("resource-groups/tag-editor/find-resources#"),
            text="\n".join(lines),
            data={"resources": rows, "events": events},
            unanswered=found.unknown,
        )


def _once(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({(row["kind"], row["name"], row["detail"]): row for row in rows}.values())


def _not_known(found: Found) -> list[str]:
    failed = [f"{what}: {words}: not known" for what, words in found.unknown.items()]
    return [*failed, *(f"[not looked at: {what}]" for what in found.left)]
