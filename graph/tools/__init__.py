"""The read-only tools: what each source offers, and what is switched off and why."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from langchain_core.tools import BaseTool

from graph.tools.aws import aws_tools
from graph.tools.aws.client import Aws
from graph.tools.aws.ecs import deployments as ecs_deployments
from graph.tools.aws.trail import events as trail_events
from graph.tools.changes import ChangeReader, changes_tool
from graph.tools.cypher import GraphReader
from graph.tools.datadog import datadog_tools
from graph.tools.datadog.client import Datadog
from graph.tools.datadog.events import events as datadog_events
from graph.tools.deployments import deployments
from graph.tools.run_cypher import run_cypher_tool
from graph.tools.topology import topology_tools

NOT_SET = {
    "topology": "NEO4J_URI is not set",
    "datadog": "DD_API_KEY and DD_APP_KEY are not set",
    "aws": "AWS_REGION is not set",
}
"""Why a source is switched off."""

CHANGES_SHARE = 0.8
"""Part of a tool's time that the topology gets in a list of changes; the others have as much."""


@dataclass(frozen=True)
class Toolset:
    """The tools that are bound, and for each source that is not, the reason."""

    tools: Sequence[BaseTool] = ()
    disabled: dict[str, str] = field(default_factory=dict)


def toolset(
    *,
    topology: GraphReader | None = None,
    datadog: Datadog | None = None,
    aws: Aws | None = None,
    run_cypher: bool = False,
) -> Toolset:
    """The one list of tools, for the sources that are configured."""
    tools: list[BaseTool] = []
    changes: dict[str, ChangeReader] = {}
    if topology is not None:
        tools += topology_tools(topology)
        # A source that hangs must not use up the time of the others in the one list.
        brief = replace(topology, timeout_s=topology.timeout_s * CHANGES_SHARE)
        changes["neo4j"] = functools.partial(deployments, brief)
        if run_cypher:
            tools.append(run_cypher_tool(topology))
    if datadog is not None:
        tools += datadog_tools(datadog)
        changes["datadog"] = functools.partial(datadog_events, datadog)
    if aws is not None:
        tools += aws_tools(aws)
        changes["ecs"] = functools.partial(ecs_deployments, aws)
        changes["cloudtrail"] = functools.partial(trail_events, aws)
    there = {"topology": topology, "datadog": datadog, "aws": aws}
    disabled = {name: NOT_SET[name] for name, source in there.items() if source is None}
    if changes:
        tools.append(changes_tool(changes, disabled))
    return Toolset(tools, disabled)
