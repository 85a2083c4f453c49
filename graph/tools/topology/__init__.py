"""The tools on the topology graph: components, the calls between them, what runs where."""

from langchain_core.tools import BaseTool

from graph.tools.question import Question, tools_on
from graph.tools.topology.cypher import SOURCE, GraphReader
from graph.tools.topology.questions import Topology


def topology_tools(reader: GraphReader) -> list[BaseTool]:
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
