"""Findings for the tests of memory, with where they come from."""

from typing import Any

from graph.findings import Baseline, Findings, Insight, Pattern
from graph.memory import Memory, Provenance
from graph.receipts import receipt
from graph.state import Receipt, Turn


def insight(**changes: Any) -> Findings:
    fields = {
        "category": "performance",
        "severity": "high",
        "title": "Client pool too small",
        "finding": "Calls wait for one of five connections of the pool.",
        "components": ["pricing-service"],
        "evidence": ["E2"],
        "recommendation": "Roll back v2.14.0",
    }
    return Findings(insights=[Insight.model_validate({**fields, **changes})])


def pattern(**changes: Any) -> Findings:
    fields = {
        "type": "pool exhaustion",
        "description": "Latency rises in every caller right after a deployment.",
        "components": ["pricing-service"],
        "evidence": ["E3"],
        "confidence": 0.8,
    }
    return Findings(patterns=[Pattern.model_validate({**fields, **changes})])


def baseline(**changes: Any) -> Findings:
    fields = {
        "metric": "p99 latency",
        "typical": 45.0,
        "spread": 5.0,
        "unit": "ms",
        "window": "last 24h",
        "components": ["pricing-service"],
        "evidence": ["E4"],
    }
    return Findings(baselines=[Baseline.model_validate({**fields, **changes})])


def turn(name: str, minute: int = 0, day: str = "2026-11-24") -> Provenance:
    return Provenance(
        turn_id=name,
        thread_id=f"{name}-enrichment",
        model="minimax/MiniMax-M2.5",
        prompt_version="abc123",
        at=f"{day}T10:{minute:02}:00.000Z",
    )


def stored(name: str) -> Receipt:
    asked = Turn(
        id=name,
        thread_id="thread",
        message_id="m",
        question="q",
        asked_at="2026-11-24T10:00:00.000Z",
        boundary="word",
        focus=[],
        alert=None,
        budgets={},
    )
    return receipt(asked, "stored")


async def learn(memory: Memory, findings: Findings, provenance: Provenance) -> int:
    return await memory.remember(findings, provenance, stored(provenance["turn_id"]))


async def recalled(memory: Memory, question: str, *focus: str) -> list[str]:
    return [hint["text"] for hint in await memory.recall(question, focus)]
