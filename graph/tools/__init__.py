"""The read-only tools: what each source offers, and what is switched off and why."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from langchain_core.tools import BaseTool

from graph.memory import Memory
from graph.state import MEMORY
from graph.tools.aws import aws_tools
from graph.tools.aws.client import Aws
from graph.tools.aws.ecs import deployments as ecs_deployments
from graph.tools.aws.trail import events as trail_events
from graph.tools.changes import ChangeReader, changes_tool
from graph.tools.datadog import datadog_tools
from graph.tools.datadog.client import Datadog
from graph.tools.datadog.events import events as datadog_events
from graph.tools.recall import recall_tool
from graph.tools.topology import topology_tools
from graph.tools.topology.deployments import deployments
from graph.tools.topology.run_cypher import run_cypher_tool

if TYPE_CHECKING:
    from graph.tools.topology.cypher import GraphReader

NOT_SET = {
    "topology": "NEO4J_URI is not set",
    "datadog": "DD_API_KEY and DD_APP_KEY are not set",
    "aws": "AWS_REGION is not set",
}
"""Why a source is switched off."""
OFF = "switched off by MEMORY"


@dataclass(frozen=True)
class Sources:
    """What of the estate can be asked; None for each that is not configured."""

    topology: "GraphReader | None" = None
    datadog: Datadog | None = None
    aws: Aws | None = None


@dataclass(frozen=True)
class Toolset:
    """The tools that are bound, and for each source that is not, the reason."""

    tools: Sequence[BaseTool] = ()
    disabled: dict[str, str] = field(default_factory=dict)


def toolset(sources: Sources, memory: Memory | None = None, run_cypher: bool = False) -> Toolset:
    """The one list of tools, for the sources that are configured."""
    topology, datadog, aws = sources.topology, sources.datadog, sources.aws
    tools: list[BaseTool] = []
    changes: dict[str, ChangeReader] = {}
    if topology is not None:
        tools += topology_tools(topology)
        changes["neo4j"] = functools.partial(deployments, topology)
        if run_cypher:
            tools.append(run_cypher_tool(topology))
    if datadog is not None:
        tools += datadog_tools(datadog)
        changes["datadog"] = functools.partial(datadog_events, datadog)
    if aws is not None:
        tools += aws_tools(aws)
        changes["ecs"] = functools.partial(ecs_deployments, aws)
        changes["cloudtrail"] = functools.partial(trail_events, aws)
    disabled = {name: why for name, why in NOT_SET.items() if getattr(sources, name) is None}
    if changes:
        there = [source for source in (topology, datadog, aws) if source is not None]
        within_s = min(source.timeout_s for source in there)
        tools.append(changes_tool(changes, disabled, within_s))
    if memory is None:
        return Toolset(tools, {**disabled, MEMORY: OFF})
    return Toolset([*tools, recall_tool(memory)], disabled)
