"""How the stand-in speaks: messages in MiniMax's shape."""

import json
from typing import Any

from lab.standin.verdict import Verdict

Call = tuple[str, dict[str, Any]]


def text(said: str) -> dict[str, Any]:
    """A plain answer."""
    return {"content": said, **_thinking("A plain answer is enough.")}


def calls(thought: str, wanted: list[Call]) -> dict[str, Any]:
    """Calls of tools, side by side; their ids are filled in later."""
    return {
        "content": "",
        **_thinking(thought),
        "tool_calls": [
            {
                "id": "",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(args)},
            }
            for name, args in wanted
        ],
    }


def report(verdict: Verdict) -> dict[str, Any]:
    """The call of `conclude` that ends an investigation."""
    arguments: dict[str, Any] = {
        "summary": verdict.summary,
        "root_cause": (
            {"component": verdict.component, "explanation": verdict.explanation}
            if verdict.component
            else None
        ),
        "confidence": verdict.confidence,
        "evidence": [{"id": id_, "shows": shows} for id_, shows in verdict.evidence],
        "ruled_out": [{"component": name, "reason": reason} for name, reason in verdict.ruled_out],
        "blast_radius": verdict.blast_radius,
        "actions": [{"description": what, "command": how} for what, how in verdict.actions],
        "open_questions": verdict.open_questions,
    }
    if verdict.hints:
        arguments["hints"] = [
            {"id": id_, "verdict": how, "evidence": ids} for id_, how, ids in verdict.hints
        ]
    return calls("I have what I need. Conclude.", [("conclude", arguments)])


def _thinking(thought: str) -> dict[str, Any]:
    detail = {
        "type": "reasoning.text",
        "id": "reasoning-text-1",
        "format": "MiniMax-response-v1",
        "index": 0,
        "text": thought,
    }
    return {"reasoning_content": thought, "reasoning_details": [detail]}
