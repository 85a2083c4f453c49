"""plan: ask the orchestrator for the next calls, or to conclude."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypedDict, cast

from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.tool import ToolCall
from langchain_core.tools import BaseTool
from langgraph.types import Send

from graph.codec import digest
from graph.models.failure import ModelFailure
from graph.models.port import Ask, Model
from graph.question import begins_turn, question_message
from graph.report import CONCLUDE, conclude_schema
from graph.state import (
    BUDGETS,
    Investigation,
    Recalled,
    Spent,
    Turn,
    evidence_of_turn,
    fork_of,
    nothing_spent,
)
from graph.tape import Update, identity, keep_setup, now
from graph.untrusted import fenced

EARLIER_MESSAGES = 20
"""Questions and answers of earlier turns that the orchestrator sees again."""
VISITS_TO_CONCLUDE = 2
"""Further visits, with nothing but `conclude` on offer, once a budget is used up."""


@dataclass(frozen=True)
class Budgets:
    """What one turn may use before it is asked to conclude."""

    visits: int
    tool_calls: int
    tokens: int
    cost_usd: float
    seconds: float

    def lowered(self, wanted: Mapping[str, float]) -> "Budgets":
        """With those of the wanted ones that are lower."""
        lower: dict[str, Any] = {
            name: value
            for name, value in wanted.items()
            if name in BUDGETS and value < getattr(self, name)
        }
        return replace(self, **lower)

    def spent_up(self, spent: Spent) -> list[str]:
        """The names of the budgets that are used up."""
        used = {
            "visits": spent["visits"] >= self.visits,
            "tool calls": spent["tool_calls"] >= self.tool_calls,
            "tokens": spent["input_tokens"] + spent["output_tokens"] >= self.tokens,
            "cost": spent["cost_usd"] >= self.cost_usd,
            "seconds": spent["seconds"] >= self.seconds,
        }
        return [name for name, used_up in used.items() if used_up]


class CallVisit(TypedDict):
    """What one visit of the tool node gets: a call and its address."""

    visit: int
    index: int
    call: ToolCall
    turn_id: str
    boundary: str
    evidence_id: str
    refused: str | None
    """Why the call is answered with this text instead of being run."""


@dataclass(frozen=True)
class Plan:
    """The node; it also decides which calls are sent on."""

    orchestrator: Model
    recall: Callable[[str, Sequence[str]], Awaitable[list[Recalled]]]
    begun: Callable[[Turn], Awaitable[None]]
    tools: Sequence[BaseTool]
    disabled: dict[str, str]
    setup: dict[str, Any]
    prompt: str
    budgets: Budgets

    async def __call__(self, state: Investigation) -> Update:
        """Take a new question up, then ask the orchestrator once."""
        begun = await self._begin(state) if begins_turn(state) else {}
        known = cast(Investigation, {**state, **begun})
        turn, spent = known["turn"], await _counted(known)
        used_up = self._budgets(turn).spent_up(spent)
        if used_up and spent["visits_over_budget"] >= VISITS_TO_CONCLUDE:
            names = ", ".join(used_up)
            failure = ModelFailure("budget", f"{names} used up, no conclusion", "orchestrator")
            return {**begun, "spent": spent, "failure": failure.as_state()}
        offered = [] if used_up else self.tools
        message_id = f"{turn['id']}:plan#{spent['visits'] + 1}"
        answer = await self._orchestrator(known)(
            message_id, self._conversation(known, used_up), [*offered, conclude_schema()]
        )
        spent = {
            **spent,
            "visits": spent["visits"] + 1,
            "visits_over_budget": spent["visits_over_budget"] + bool(used_up),
        }
        if isinstance(answer, ModelFailure):
            return {**begun, "spent": spent, "failure": answer.as_state()}
        return {**begun, "spent": _priced(spent, answer), "messages": [answer]}

    def route(self, state: Investigation) -> list[Send] | str:
        """Where to go from here: one `tool` visit per call, or `respond`."""
        answer = state["messages"][-1]
        if state.get("failure") or not isinstance(answer, AIMessage) or not answer.tool_calls:
            return "respond"
        if [call["name"] for call in answer.tool_calls] == [CONCLUDE]:
            return "respond"
        return [Send("tool", visit) for visit in self._visits(state, answer)]

    def _orchestrator(self, state: Investigation) -> Ask:
        fork = fork_of(state)
        model = fork and fork["model"]
        return self.orchestrator.another(model) if model else self.orchestrator

    def _budgets(self, turn: Turn) -> Budgets:
        return self.budgets.lowered(turn.get("budgets") or {})

    async def _begin(self, state: Investigation) -> Update:
        question = question_message(state)
        await keep_setup(self.setup)
        run = await identity()
        asked_at = await now()
        turn = Turn(
            id=run["run_id"],
            thread_id=run["thread_id"],
            message_id=question.id or "",
            question=question.text,
            asked_at=asked_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            boundary=run["boundary"],
            focus=list(state.get("focus") or []),
            alert=state.get("alert"),
            budgets=dict(state.get("budgets") or {}),
        )
        await self.begun(turn)
        return {
            "turn": turn,
            "focus": [],
            "alert": None,
            "budgets": {},
            "spent": nothing_spent(),
            "recalled": await self.recall(turn["question"], turn["focus"]),
            "report": None,
            "sent_back": False,
            "failure": None,
            "enrichment": None,
            "detached": False,
        }

    def _conversation(self, state: Investigation, used_up: list[str]) -> list[BaseMessage]:
        turn, messages = state["turn"], state["messages"]
        start = next(
            position for position, entry in enumerate(messages) if entry.id == turn["message_id"]
        )
        earlier = [entry for entry in messages[:start] if _is_question_or_answer(entry)]
        view: list[BaseMessage] = [
            SystemMessage(self._system_text(state)),
            *earlier[-EARLIER_MESSAGES:],
            *messages[start:],
        ]
        if used_up:
            reason = f"The budget of this turn is used up ({', '.join(used_up)})."
            view.append(HumanMessage(f"{reason} Conclude now from what you have."))
        return view

    def _system_text(self, state: Investigation) -> str:
        turn, recalled, fork = state["turn"], state["recalled"], fork_of(state)
        parts = [
            (fork and fork["prompt"]) or self.prompt,
            f"Asked at: {turn['asked_at']}. Boundary word: {turn['boundary']}.",
        ]
        if turn["focus"]:
            parts.append(f"The caller points at: {', '.join(turn['focus'])}.")
        if alert := turn.get("alert"):
            text = json.dumps(alert, ensure_ascii=False, indent=1)
            parts.append(f"The alert that was received:\n{fenced(text, turn['boundary'])}")
        for source, reason in self.disabled.items():
            parts.append(f"Not available: {source} ({reason}). Say so where it matters.")
        if recalled:
            hints = "\n".join(
                f"{hint['id']} ({hint['last_confirmed']}): {hint['text']}" for hint in recalled
            )
            parts.append(f"Hints from memory:\n{fenced(hints, turn['boundary'])}")
        return "\n\n".join(parts)

    def _visits(self, state: Investigation, answer: AIMessage) -> list[CallVisit]:
        """One visit per call of the answer, in its order, each with its evidence id or why not."""
        turn, spent = state["turn"], state["spent"]
        malformed = {call["id"]: call["error"] for call in answer.invalid_tool_calls}
        earlier = _earlier_results(state)
        left = (
            0
            if spent["visits_over_budget"]
            else self._budgets(turn).tool_calls - spent["tool_calls"]
        )
        number = len(state.get("evidence", []))
        visits: list[CallVisit] = []
        for index, call in enumerate(answer.tool_calls):
            asked = digest([call["name"], call["args"]])
            refused = None
            if call["id"] in malformed:
                refused = f"not run: the arguments text {malformed[call['id']]}; send it again"
            elif call["name"] == CONCLUDE:
                refused = "not run: call conclude alone, after you have read the other results"
            elif asked in earlier:
                refused = earlier[asked]
            elif left <= 0:
                refused = "not run: the budget of this turn is used up; conclude"
            if refused is None:
                number, left = number + 1, left - 1
                earlier[asked] = f"repeats E{number} of this step, not run again; see there"
            visits.append(
                CallVisit(
                    visit=spent["visits"],
                    index=index,
                    call=call,
                    turn_id=turn["id"],
                    boundary=turn["boundary"],
                    evidence_id=f"E{number}" if refused is None else "",
                    refused=refused,
                )
            )
        return visits


async def no_hints(_question: str, _focus: Sequence[str]) -> list[Recalled]:
    """What is recalled where memory is switched off."""
    return []


def _earlier_results(state: Investigation) -> dict[str, str]:
    """What was asked in this turn and answered, each with the text that repeats the answer."""
    contents = {
        message.id: message.text
        for message in state["messages"]
        if isinstance(message, ToolMessage)
    }
    return {
        digest([entry["name"], entry["args"]]): (
            f"repeats {entry['id']}, not run again:\n{contents[entry['message_id']]}"
        )
        for entry in evidence_of_turn(state)
        if entry["status"] != "error"
    }


def _is_question_or_answer(message: AnyMessage) -> bool:
    return isinstance(message, HumanMessage) or (
        isinstance(message, AIMessage) and not message.tool_calls
    )


async def _counted(state: Investigation) -> Spent:
    """What is spent, with the calls run and the time passed up to now."""
    turn = state["turn"]
    elapsed = (await now()) - datetime.fromisoformat(turn["asked_at"])
    fork = fork_of(state)
    return {
        **state["spent"],
        "tool_calls": len(evidence_of_turn(state)),
        "seconds": round(elapsed.total_seconds() - (fork["idle_s"] if fork else 0.0), 3),
    }


def _priced(spent: Spent, answer: AIMessage) -> Spent:
    usage = answer.usage_metadata
    cost = answer.response_metadata.get("response_cost")
    return {
        **spent,
        "input_tokens": spent["input_tokens"] + (usage["input_tokens"] if usage else 0),
        "output_tokens": spent["output_tokens"] + (usage["output_tokens"] if usage else 0),
        "cost_usd": spent["cost_usd"] + (cost or 0.0),
        "unpriced_calls": spent["unpriced_calls"] + (cost is None),
    }
