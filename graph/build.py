"""The wiring of the four nodes; nothing else."""

from dataclasses import dataclass
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.types import RetryPolicy

from graph import prompts
from graph.detached.order import RETRY_TIMEOUT_LIMIT_S, HandOver
from graph.memory import Memory
from graph.milestones import Milestones
from graph.models.port import Model
from graph.nodes import respond
from graph.nodes.enrich import Enrich
from graph.nodes.plan import Budgets, Plan, no_hints
from graph.nodes.respond import Respond
from graph.nodes.tool import Tool
from graph.observers import Observers
from graph.receipts import Receipts
from graph.redaction import Redactor
from graph.setup import Setup, made_with
from graph.state import Investigation, Question
from graph.tools import Toolset
from graph.visits import recorded, recorded_call

Builder = StateGraph[Any, Any, Any, Any]

BACKSTOP_S = 10
"""How long after the longest guard the node `enrich` is ended from outside, should keeping the
receipt hang. The guard itself is inside the node, so that a timeout is a step with a receipt
and tape."""


@dataclass(frozen=True)
class Ports:
    """What the nodes reach the outside with."""

    orchestrator: Model
    analyst: Model
    toolset: Toolset
    memory: Memory
    receipts: Receipts
    milestones: Milestones
    hand_over: HandOver
    observers: Observers


def build(ports: Ports, setup: Setup) -> Builder:
    """The graph, uncompiled: whoever runs it adds a saver."""
    known = {"settings": setup.model_dump(), "made_with": made_with()}
    plan = Plan(
        orchestrator=ports.orchestrator,
        recall=ports.memory.recall if setup.memory else no_hints,
        begun=ports.milestones.begun,
        tools=ports.toolset.tools,
        disabled=ports.toolset.disabled,
        setup=known,
        prompt=prompts.read("plan").text,
        budgets=Budgets(
            visits=setup.turn_max_visits,
            tool_calls=setup.turn_max_tool_calls,
            tokens=setup.turn_max_tokens,
            cost_usd=setup.turn_max_cost_usd,
            seconds=setup.turn_max_seconds,
        ),
    )
    tool = Tool(
        tools={known.name: known for known in ports.toolset.tools},
        timeout_s=setup.tool_timeout_s,
        max_tokens=setup.tool_max_tokens,
        redactor=Redactor(setup.redact_emails),
    )
    respond_ = Respond(
        ports.hand_over, setup.enrichment, ports.milestones.concluded, ports.toolset.disabled
    )
    enrich = Enrich(
        analyst=ports.analyst,
        learn=ports.memory.learn,
        remember=ports.memory.remember,
        begin=ports.receipts.begin,
        keep_receipt=ports.receipts.keep,
        enriched=ports.milestones.enriched,
        setup=known,
        prompt=prompts.read("enrich"),
        model=setup.analyst_model,
        guard_s=setup.enrichment_timeout_s,
    )
    graph: Builder = StateGraph(Investigation, input_schema=Question)
    graph.add_node("plan", recorded("plan", plan, ports.observers))
    graph.add_node("tool", recorded_call("tool", tool, ports.observers))
    graph.add_node("respond", recorded("respond", respond_, ports.observers))
    graph.add_node(
        "enrich",
        recorded("enrich", enrich, ports.observers),
        timeout=max(setup.enrichment_timeout_s, RETRY_TIMEOUT_LIMIT_S) + BACKSTOP_S,
        retry_policy=RetryPolicy(max_attempts=1),
    )
    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", plan.route, ["tool", "respond"])
    graph.add_edge("tool", "plan")
    graph.add_conditional_edges(
        "respond", respond.route, {"plan": "plan", "enrich": "enrich", "end": END}
    )
    graph.add_edge("enrich", END)
    return graph
