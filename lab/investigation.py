"""Runs one investigation in the lab and gathers what came of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from graph.run import Asked
from graph.runtime import Runtime
from graph.state import Evidence, Exchange, Investigation, Receipt, evidence_of_turn

STEP_KINDS = frozenset({"model", "tool", "memory", "detach"})


@dataclass(frozen=True)
class Answered:
    """A turn whose answer is out; its enrichment may still run."""

    run_id: str
    thread_id: str
    question: str
    state: Investigation
    seconds: float

    @property
    def text(self) -> str:
        """The answer as it was published."""
        return self.state["messages"][-1].text

    @property
    def report(self) -> dict[str, Any] | None:
        """The report, when there is one."""
        return self.state["report"]

    @property
    def evidence(self) -> list[Evidence]:
        """What was gathered in this turn, in order."""
        return evidence_of_turn(self.state)


@dataclass(frozen=True)
class Finished:
    """An answered turn whose enrichment has ended."""

    answered: Answered
    steps: list[Exchange]
    receipt: Receipt
    remembered: list[dict[str, Any]]

    @property
    def complete(self) -> bool:
        """Whether there is a report and the enrichment was stored."""
        return self.answered.report is not None and self.receipt["status"] == "stored"

    def as_json(self, incident: str) -> dict[str, Any]:
        """The object that `python -m lab --json` prints."""
        answered, receipt = self.answered, self.receipt
        spent = answered.state["spent"]
        return {
            "incident": incident,
            "run_id": answered.run_id,
            "thread_id": answered.thread_id,
            "question": answered.question,
            "answer": answered.text,
            "report": answered.report,
            "steps": [
                {
                    "node": step["node"],
                    "visit": step["visit"],
                    "name": step["name"],
                    "seconds": step["seconds"],
                    "status": step["status"],
                }
                for step in self.steps
            ],
            "tool_calls": spent["tool_calls"],
            "tokens": {"input": spent["input_tokens"], "output": spent["output_tokens"]},
            "seconds_to_answer": round(answered.seconds, 3),
            "enrichment": {
                "status": receipt["status"],
                "thread_id": receipt["thread_id"],
                "seconds": receipt["seconds"],
                "insights": receipt["insights"],
                "patterns": receipt["patterns"],
                "baselines": receipt.get("baselines", 0),
                "reason": receipt["reason"],
            },
        }


def shown(step: Any) -> bool:
    """Whether an exchange, or an event about one, is a step that people want to see."""
    return step["kind"] in STEP_KINDS


async def ask(runtime: Runtime, question: str, watch: Callable[[dict[str, Any]], None]) -> Answered:
    """Ask on a new thread; `watch` gets every event as it happens."""
    run_id, thread_id = str(uuid4()), str(uuid4())
    started = time.perf_counter()
    async for event in runtime.stream(Asked(question, run_id, thread_id)):
        watch(event)
    seconds = time.perf_counter() - started
    return Answered(run_id, thread_id, question, await runtime.state(thread_id), seconds)


async def finish(runtime: Runtime, answered: Answered) -> Finished:
    """Wait for the enrichment to end, and gather what came of both."""
    receipt = await runtime.enrichment(answered.run_id) or answered.state["enrichment"]
    assert receipt is not None, "respond leaves a receipt in the state"
    steps = list(answered.state["exchanges"])
    if receipt["thread_id"]:
        branch = await runtime.state(receipt["thread_id"])
        steps += branch.get("exchanges", [])
    return Finished(
        answered,
        [step for step in steps if shown(step)],
        receipt,
        await runtime.memory.items(),
    )
