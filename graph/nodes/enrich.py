"""enrich: the detached branch. The analyst studies a finished turn; memory keeps what it finds.

However it ends, there is a receipt: in the state of this thread and in the store.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from graph import prompts, storage
from graph.findings import Findings, UnreadableAnswer, read_findings
from graph.memory import Provenance
from graph.memory.refusal import sifted
from graph.models.failure import ModelFailure
from graph.models.port import Model
from graph.prompts import Prompt
from graph.receipts import receipt
from graph.state import Investigation, Receipt, Turn, fork_of
from graph.tape import Update, keep_setup, now

logger = logging.getLogger(__name__)

POISON_STARTS = 3
POISON_AGE_S = 900.0
"""An enrichment started more often than this, over a longer time, is given up: it seems to end
its process each time. Both, so that neither waiting in the queue nor a long outage counts."""


@dataclass(frozen=True)
class Enrich:
    """The node. `guard_s` bounds the analyst's call and the writing to memory."""

    analyst: Model
    learn: Callable[[str, Mapping[str, str], str], Awaitable[int]]
    remember: Callable[[Findings, Provenance, Receipt], Awaitable[int]]
    begin: Callable[[Turn, str], Awaitable[Receipt]]
    keep_receipt: Callable[[Receipt], Awaitable[None]]
    enriched: Callable[[Receipt], Awaitable[None]]
    setup: dict[str, Any]
    prompt: Prompt
    model: str
    guard_s: float

    async def __call__(self, state: Investigation) -> Update:
        """Study the turn within the guard, and keep the receipt.

        Raises STORAGE_ERRORS when the database is away: then nothing has ended yet.
        """
        turn = state["turn"]
        await keep_setup(self.setup)
        started = await now()
        begun = await self.begin(turn, started.isoformat())
        if begun["status"] != "pending":
            # Its receipt was kept and the process died before this step was.
            await self.enriched(begun)
            return {"enrichment": begun, "retry": None}
        study = _Study(self, state, begun, started)
        try:
            async with asyncio.timeout(study.guard_s):
                await study.run()
        except TimeoutError:
            study.known |= {
                "status": "timeout",
                "reason": f"ended by the guard of {study.guard_s:g} s",
            }
        except storage.STORAGE_ERRORS:
            raise
        except Exception as error:  # the enrich boundary: whatever broke ends in a receipt
            logger.exception("enrichment of turn %s failed", turn["id"])
            study.known |= {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
        entry = await study.receipt()
        if entry["status"] != "stored":
            await self.keep_receipt(entry)
        await self.enriched(entry)
        # The answer too when its study broke: the tape holds it by reference.
        answered = {"messages": study.answers} if study.answers else {}
        return {**answered, "enrichment": entry, "retry": None}


class _Study:
    """One attempt: what it was told, and in `known` what its receipt will say."""

    def __init__(
        self, node: Enrich, state: Investigation, begun: Receipt, started: datetime
    ) -> None:
        told = state.get("retry")
        self._node = node
        self._state = state
        self._started = started
        fork = fork_of(state)
        self._model = (told and told["model"]) or (fork and fork["model"]) or node.model
        other = fork and fork["prompt"]
        self._prompt = prompts.of(other) if other else node.prompt
        self.guard_s = (told and told["timeout_s"]) or node.guard_s
        self.answers: list[AIMessage] = []
        self.known: dict[str, Any] = {
            "model": self._model,
            "prompt_version": self._prompt.version,
            "attempts": begun["attempts"],
            "first_started_at": begun["first_started_at"],
        }

    async def receipt(self) -> Receipt:
        """What is known, as a receipt, with the time it took."""
        if "seconds" not in self.known:
            self.known["seconds"] = _seconds(self._started, await now())
        return receipt(self._state["turn"], **self.known)

    async def run(self) -> None:
        """Ask, read, remember."""
        if self._is_poison():
            reason = f"given up after {self.known['attempts'] - 1} starts that did not end"
            self.known |= {"status": "failed", "reason": reason}
            return
        turn, node = self._state["turn"], self._node
        if verdicts := _verdicts(self._state):
            await node.learn(turn["id"], verdicts, turn["asked_at"])
        ask = node.analyst if self._model == node.model else node.analyst.another(self._model)
        studied = [
            message for message in self._state["messages"] if isinstance(message, HumanMessage)
        ]
        number = self.known["attempts"]
        answer = await ask(
            f"{turn['id']}:enrich#{number}", [SystemMessage(self._prompt.text), *studied]
        )
        if isinstance(answer, ModelFailure):
            timed_out = answer.kind == "timeout"
            status = "timeout" if timed_out else "failed"
            self.known |= {"status": status, "reason": answer.message}
            return
        self.answers.append(answer)
        self.known |= _usage(answer)
        await self._keep(answer)

    async def _keep(self, answer: AIMessage) -> None:
        if answer.response_metadata.get("finish_reason") == "length":
            reason = "the answer was cut at the output limit"
            self.known |= {"status": "failed", "reason": reason}
            return
        known_ids = {entry["id"] for entry in self._state["evidence"]}
        try:
            findings = sifted(read_findings(answer.text, known_ids))
        except UnreadableAnswer as error:
            self.known |= {"status": "failed", "reason": str(error)}
            return
        found = {
            "insights": len(findings.insights),
            "patterns": len(findings.patterns),
            "baselines": len(findings.baselines),
        }
        self.known |= {"dropped": findings.dropped, "status": "empty"}
        if not any(found.values()):
            return
        kept = {"status": "stored", **found}
        seconds = _seconds(self._started, await now())
        turn = self._state["turn"]
        entry = receipt(turn, **{**self.known, **kept, "seconds": seconds})
        provenance = Provenance(
            turn_id=turn["id"],
            thread_id=entry["thread_id"] or "",
            model=self._model,
            prompt_version=self._prompt.version,
            at=turn["asked_at"],
        )
        await self._node.remember(findings, provenance, entry)
        self.known |= {**kept, "seconds": seconds}

    def _is_poison(self) -> bool:
        first = datetime.fromisoformat(self.known["first_started_at"])
        age_s = (self._started - first).total_seconds()
        return self.known["attempts"] > POISON_STARTS and age_s > POISON_AGE_S


def _verdicts(state: Investigation) -> dict[str, str]:
    """What became of each hint of the turn, by its key in memory."""
    report = state.get("report") or {}
    settled = {hint["id"]: hint["verdict"] for hint in report.get("hints", [])}
    return {
        hint["key"]: settled.get(hint["id"], "unused")
        for hint in state.get("recalled", [])
        if "key" in hint
    }


def _usage(answer: AIMessage) -> dict[str, Any]:
    usage = answer.usage_metadata
    return {
        "input_tokens": usage["input_tokens"] if usage else 0,
        "output_tokens": usage["output_tokens"] if usage else 0,
        "cost_usd": answer.response_metadata.get("response_cost"),
    }


def _seconds(started: datetime, ended: datetime) -> float:
    return round((ended - started).total_seconds(), 3)
