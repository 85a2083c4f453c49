"""The read-only tools: what each source offers, and what is switched off and why."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from langchain_core.tools import BaseTool

from graph.tools.cypher import GraphReader
from graph.tools.topology import topology_tools


@dataclass(frozen=True)
class Toolset:
    """The tools that are bound, and for each source that is not, the reason."""

    tools: Sequence[BaseTool] = ()
    disabled: dict[str, str] = field(default_factory=dict)


def toolset(topology: GraphReader | None) -> Toolset:
    """The one list of tools, for the sources that are configured."""
    if topology is None:
        return Toolset(disabled={"topology": "NEO4J_URI is not set"})
    return Toolset(tools=topology_tools(topology))
