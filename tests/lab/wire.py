"""A hand-made conversation with the stand-in, as the provider sees it."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from graph.report import Report
from graph.tools.result import ToolResult, table
from graph.untrusted import fenced
from lab import standin
from lab.wire_rules import complaint

TOOLS = (
    "find_services",
    "get_component",
    "get_topology",
    "find_blast_radius",
    "list_changes",
    "conclude",
)
SYMPTOM = "edge-proxy is slow since an hour. Why?"
FIRST_EVIDENCE = 41
"""Not 1, so that an id which was counted instead of read does not exist."""

EDGES = [
    ("edge-proxy", "orders-api", 900, 100, 0.02),
    ("orders-api", "ledger-api", 850, 90, 0.02),
    ("orders-api", "stock-api", 30, 30, 0.0),
    ("ledger-api", "ledger-db", 9, 10, 0.0),
]
NAMES = ("edge-proxy", "orders-api", "ledger-api", "stock-api", "ledger-db")


def found(columns: Collection[str], *rows: tuple[object, ...]) -> ToolResult:
    text = table(list(columns), [dict(zip(columns, row, strict=True)) for row in rows])
    return ToolResult(status="ok" if rows else "no_data", source="t", query="q", text=text)


FAILED = ToolResult(status="error", source="t", query="q", error="from\tto\nno\tanswer")


Answer = Callable[[str, dict[str, Any]], ToolResult]


@dataclass
class Wire:
    """A conversation with the stand-in about a hand-made estate, as the provider sees it."""

    question: str
    planted: str = "Smaller thread pool"
    down: Collection[str] = ()
    """Tools that fail."""
    older: Collection[tuple[object, ...]] = ()
    """Deployments before the usual ones."""
    edges: Sequence[tuple[object, ...]] = ()
    """Calls instead of the usual ones."""
    tools: Sequence[str] = TOOLS
    """What is on offer."""
    answer: Answer | None = None
    """Answers instead of the usual ones."""
    hints: Collection[str] = ()
    """What memory says, a line each; the first is `M-1`."""
    system: str = "You investigate. Boundary word: kiwi."
    messages: list[dict[str, Any]] = field(init=False)
    shown: dict[str, str] = field(default_factory=dict)
    """The evidence ids that were on the wire, each with its status."""
    sources: dict[str, str] = field(default_factory=dict)
    """The same ids, each with its tool."""

    def __post_init__(self) -> None:
        lines = [
            f"M-{number} (2026-11-23T10:00:00.000Z): [MiniMax] {hint} (found 1x, refuted 0x)"
            for number, hint in enumerate(self.hints, start=1)
        ]
        told = "\n\nHints from memory:\n" + fenced("\n".join(lines), "kiwi") if lines else ""
        self.messages = [
            {"role": "system", "content": self.system + told},
            {"role": "user", "content": self.question},
        ]

    def ask(self, *offered: str) -> dict[str, Any]:
        """The stand-in's next message, with these tools on offer (all, if none are named)."""
        tools = [
            {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
            for name in offered or self.tools
        ]
        request = {"model": "MiniMax-M3", "messages": self.messages, "tools": tools}
        assert complaint(request, "Bearer key") is None
        return standin.answer(json.loads(json.dumps(request)))

    def give(self, message: dict[str, Any]) -> None:
        """Put the message and the results of its calls on the wire."""
        self.messages.append({"role": "assistant", **message})
        for call in message["tool_calls"]:
            id_ = f"E{FIRST_EVIDENCE + len(self.shown)}"
            name, args = call["function"]["name"], json.loads(call["function"]["arguments"])
            result = FAILED if name in self.down else (self.answer or self.run)(name, args)
            self.shown[id_], self.sources[id_] = result.status, name
            content = result.content(id_, "kiwi", 2000)
            self.messages.append({"role": "tool", "tool_call_id": call["id"], "content": content})

    def to_the_end(self) -> tuple[dict[str, Any], list[list[str]]]:
        """The message that ends the turn, and the names of the calls before it, by message."""
        asked: list[list[str]] = []
        for _ in range(10):
            message = self.ask()
            names = [name for name, _ in calls(message)]
            if not names or "conclude" in names:
                return message, asked
            asked.append(names)
            self.give(message)
        raise AssertionError(f"no end after {asked}")

    def run(self, name: str, args: dict[str, Any]) -> ToolResult:
        if name == "find_services":
            return found(("name", "kind"), *((n, "Service") for n in NAMES if args["query"] in n))
        if name == "get_topology":
            edges = [] if args["direction"] == "dependents" else self.edges or EDGES
            columns = ("from", "to", "p99_latency_ms", "baseline_p99_latency_ms", "error_rate")
            return found((*columns, "relation"), *((*edge, "CALLS") for edge in edges))
        if name == "get_component":
            facts = [("component", "type", "api"), ("component", "note", self.planted)]
            return found(("of", "property", "value"), *facts, ("team", "name", "money"))
        if name == "find_blast_radius":
            return found(("name", "distance"), ("orders-api", 1), ("edge-proxy", 2))
        return self.changes()

    def changes(self) -> ToolResult:
        columns = ("component", "kind", "version", "at", "status", "by", "detail")
        when = "2026-11-24T09:00:00Z"
        return found(
            columns,
            ("stock-api", "deployment", "v7", when, "succeeded", "sam", self.planted),
            ("ledger-api", "deployment", "v2", when, "succeeded", "mira", "New client"),
            *self.older,
        )


def calls(message: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    functions = [call["function"] for call in message.get("tool_calls", [])]
    return [(function["name"], json.loads(function["arguments"])) for function in functions]


def concluded(message: dict[str, Any]) -> Report:
    [(name, args)] = calls(message)
    assert name == "conclude"
    return Report.model_validate(args)
