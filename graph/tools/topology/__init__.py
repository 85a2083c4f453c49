"""The tools on the topology graph: components, the calls between them, what runs where."""

from typing import TYPE_CHECKING

from langchain_core.tools import BaseTool

from graph.tools.question import Question, tools_on
from graph.tools.topology.questions import Topology
from graph.tools.topology.rows import SOURCE

if TYPE_CHECKING:
    from graph.tools.topology.cypher import GraphReader


def topology_tools(reader: "GraphReader") -> list[BaseTool]:
    """The tools on that reader."""
    topology = Topology(reader)
    questions: list[Question] = [
        topology.find_services,
        topology.get_component,
        topology.get_topology,
        topology.find_blast_radius,
        topology.find_path,
    ]
    return tools_on(SOURCE, questions)
