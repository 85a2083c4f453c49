"""enrich: the detached branch. The analyst studies a finished turn; memory keeps what it finds.

However it ends, there is a receipt: in the state of this thread and in the store.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from langchain_core.messages import AIMessage, SystemMessage

from graph.detached import receipt
from graph.findings import Findings, UnreadableAnswer, read_findings
from graph.memory import Provenance
from graph.models.failure import ModelFailure
from graph.models.port import Ask
from graph.prompts import Prompt
from graph.state import Investigation, Receipt
from graph.tape import Update, now

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Enrich:
    """The node. `guard_s` bounds the analyst's call and the writing to memory."""

    analyst: Ask
    remember: Callable[[Findings, Provenance], Awaitable[int]]
    keep_receipt: Callable[[Receipt], Awaitable[None]]
    prompt: Prompt
    model: str
    guard_s: float

    async def __call__(self, state: Investigation) -> Update:
        """Study the turn within the guard, and keep the receipt."""
        turn = state["turn"]
        known: dict[str, Any] = {"model": self.model, "prompt_version": self.prompt.version}
        started = await now()
        update: Update = {}
        try:
            async with asyncio.timeout(self.guard_s):
                update = await self._study(state, known)
        except TimeoutError:
            known |= {"status": "timeout", "reason": f"ended by the guard of {self.guard_s:g} s"}
        except Exception as error:  # the enrich boundary: whatever broke ends in a receipt
            logger.exception("enrichment of turn %s failed", turn["id"])
            known |= {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
        known["seconds"] = _seconds(started, await now())
        entry = receipt(turn, **known)
        await self.keep_receipt(entry)
        return {**update, "enrichment": entry}

    async def _study(self, state: Investigation, known: dict[str, Any]) -> Update:
        """Ask, read, remember; fills `known`, what the receipt says."""
        turn = state["turn"]
        asked = [SystemMessage(self.prompt.text), *state["messages"]]
        answer = await self.analyst(f"{turn['id']}:enrich", asked)
        if isinstance(answer, ModelFailure):
            timed_out = answer.kind == "timeout"
            known |= {"status": "timeout" if timed_out else "failed", "reason": answer.message}
            return {}
        known |= _usage(answer)
        update = {"messages": [answer]}
        if answer.response_metadata.get("finish_reason") == "length":
            known |= {"status": "failed", "reason": "the answer was cut at the output limit"}
            return update
        try:
            findings = read_findings(answer.text, {entry["id"] for entry in state["evidence"]})
        except UnreadableAnswer as error:
            known |= {"status": "failed", "reason": str(error)}
            return update
        insights, patterns = len(findings.insights), len(findings.patterns)
        known |= {"dropped": findings.dropped, "status": "empty"}
        if insights or patterns:
            provenance = Provenance(
                turn_id=turn["id"],
                thread_id=receipt(turn, "pending")["thread_id"] or "",
                model=self.model,
                prompt_version=self.prompt.version,
                at=turn["asked_at"],
            )
            await self.remember(findings, provenance)
            known |= {"status": "stored", "insights": insights, "patterns": patterns}
        return update


def _usage(answer: AIMessage) -> dict[str, Any]:
    usage = answer.usage_metadata
    return {
        "input_tokens": usage["input_tokens"] if usage else 0,
        "output_tokens": usage["output_tokens"] if usage else 0,
        "cost_usd": answer.response_metadata.get("response_cost"),
    }


def _seconds(started: datetime, ended: datetime) -> float:
    return round((ended - started).total_seconds(), 3)
