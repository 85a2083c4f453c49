"""The wiring of the four nodes; nothing else."""

from dataclasses import dataclass
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.types import RetryPolicy

from graph import prompts
from graph.detached.hand_over import RETRY_TIMEOUT_LIMIT_S, HandOver
from graph.memory import Memory
from graph.models.port import Ask
from graph.nodes import respond
from graph.nodes.enrich import Analyst, Enrich
from graph.nodes.plan import Budgets, Plan
from graph.nodes.respond import Respond
from graph.nodes.tool import Tool
from graph.observers import Observers
from graph.receipts import Receipts
from graph.redaction import Redactor
from graph.runs import Runs
from graph.settings import Settings
from graph.state import Investigation, Question
from graph.tape import recorded, recorded_call
from graph.tools import Toolset

Builder = StateGraph[Any, Any, Any, Any]

BACKSTOP_S = 10
"""How long after the longest guard the node `enrich` is ended from outside, should keeping the
receipt hang. The guard itself is inside the node, so that a timeout is a step with a receipt
and tape."""


@dataclass(frozen=True)
class Ports:
    """What the nodes reach the outside with."""

    orchestrator: Ask
    analyst: Analyst
    toolset: Toolset
    memory: Memory
    receipts: Receipts
    runs: Runs
    hand_over: HandOver
    observers: Observers


def build(ports: Ports, settings: Settings) -> Builder:
    """The graph, uncompiled: whoever runs it adds a saver."""
    plan = Plan(
        orchestrator=ports.orchestrator,
        recall=ports.memory.recall,
        begun=ports.runs.begun,
        tools=ports.toolset.tools,
        disabled=ports.toolset.disabled,
        prompt=prompts.read("plan").text,
        budgets=Budgets(
            visits=settings.turn_max_visits,
            tool_calls=settings.turn_max_tool_calls,
            tokens=settings.turn_max_tokens,
            cost_usd=settings.turn_max_cost_usd,
            seconds=settings.turn_max_seconds,
        ),
    )
    tool = Tool(
        tools={known.name: known for known in ports.toolset.tools},
        timeout_s=settings.tool_timeout_s,
        max_tokens=settings.tool_max_tokens,
        redactor=Redactor(settings.redact_emails),
    )
    respond_ = Respond(
        ports.hand_over, settings.enrichment, ports.runs.concluded, ports.toolset.disabled
    )
    enrich = Enrich(
        analyst=ports.analyst,
        remember=ports.memory.remember,
        begin=ports.receipts.begin,
        keep_receipt=ports.receipts.put,
        enriched=ports.runs.enriched,
        prompt=prompts.read("enrich"),
        model=settings.analyst_model,
        guard_s=settings.enrichment_timeout_s,
    )
    graph: Builder = StateGraph(Investigation, input_schema=Question)
    graph.add_node("plan", recorded("plan", plan, ports.observers))
    graph.add_node("tool", recorded_call("tool", tool, ports.observers))
    graph.add_node("respond", recorded("respond", respond_, ports.observers))
    graph.add_node(
        "enrich",
        recorded("enrich", enrich, ports.observers),
        timeout=max(settings.enrichment_timeout_s, RETRY_TIMEOUT_LIMIT_S) + BACKSTOP_S,
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
