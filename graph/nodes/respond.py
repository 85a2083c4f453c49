"""respond: check the report, hand the turn to the detached branch, publish the answer."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.messages import AIMessage, ToolMessage
from pydantic import ValidationError

from graph.codec import digest, encode_state
from graph.detached.order import HandOver
from graph.models.recovery import without_thinking
from graph.report import CONCLUDE, REMEMBERED, CheckedReport, Report, as_text, checked, problems
from graph.run import summary
from graph.state import MEMORY, Evidence, Investigation, Receipt, Turn, evidence_of_turn
from graph.study import coverable, earlier_turns, evidence_line, first_checkpoint
from graph.tape import Digested, Form, Outcome, Update, exchange
from graph.tools.result import ARGUMENTS


@dataclass(frozen=True)
class Draft:
    """An answer before it is published."""

    answer: AIMessage
    report: CheckedReport | None = None
    closing: ToolMessage | None = None
    """Answers the `conclude` call, so that no call stays open in the history."""


@dataclass(frozen=True)
class Respond:
    """The node. Without `enrichment` no turn is studied."""

    hand_over: HandOver
    enrichment: bool
    concluded: Callable[[Turn, dict[str, Any]], Awaitable[None]]
    disabled: Mapping[str, str]

    async def __call__(self, state: Investigation) -> Update:
        """Send an unsound report back, once; else hand the turn over and publish the answer."""
        last = state["messages"][-1]
        if not state.get("failure") and not isinstance(last, AIMessage):
            # An edit of the state after `tool` is put down to `plan`, which has not answered yet.
            return {}
        draft = self._draft(state)
        if isinstance(draft, ToolMessage):
            return {"messages": [draft], "sent_back": True}
        enrichment = await self._handed_over(state, draft)
        closing = [draft.closing] if draft.closing else []
        report = draft.report.model_dump() if draft.report else None
        known = cast(Investigation, {**state, "report": report})
        await self.concluded(state["turn"], summary(known))
        return {
            "messages": [*closing, draft.answer],
            "report": report,
            "enrichment": enrichment,
        }

    def _draft(self, state: Investigation) -> Draft | ToolMessage:
        """The answer, or the message that sends the report back."""
        last = state["messages"][-1]
        if state.get("failure"):
            return Draft(_answer(state, _failure_text(state)))
        assert isinstance(last, AIMessage), "plan ends with the orchestrator's message"
        if not last.tool_calls:
            text = without_thinking(last.text)
            if last.response_metadata.get("finish_reason") == "length":
                text += "\n\n(The model's answer was cut at its output limit.)"
            return Draft(last.model_copy(update={"content": text}))
        return self._concluded(state, last)

    def _concluded(self, state: Investigation, last: AIMessage) -> Draft | ToolMessage:
        call = last.tool_calls[0]
        known = {entry["id"]: _status(entry) for entry in state.get("evidence", [])}
        shown = [hint["id"] for hint in state.get("recalled", [])]
        may_send_back = not state.get("sent_back")
        try:
            report = Report.model_validate(call["args"])
            found = problems(report, known, shown)
        except ValidationError as error:
            report = None
            found = [
                f"{'.'.join(map(str, problem['loc'])) or 'report'}: {problem['msg']}"
                for problem in error.errors(include_url=False)
            ]
        if last.invalid_tool_calls:
            found = [f"the arguments text {last.invalid_tool_calls[0]['error']}"]
        if found and may_send_back:
            text = f"The report was not accepted: {'; '.join(found)}. Call conclude again."
            return _closing(state, call["id"], text, status="error")
        if report is None or last.invalid_tool_calls:
            text = f"The report could not be read: {'; '.join(found)}."
            closing = _closing(state, call["id"], text, status="error")
            gathered = _gathered(state)
            return Draft(_answer(state, f"{text}\n\n{gathered}"), closing=closing)
        sound = checked(report, known, shown)
        unseen = [f"not looked at: {source} ({why})" for source, why in self.disabled.items()]
        unseen += _failed_sources(state)
        sound = sound.model_copy(update={"flags": [*sound.flags, *unseen]})
        closing = _closing(state, call["id"], "The report was accepted.")
        return Draft(_answer(state, as_text(sound)), sound, closing)

    async def _handed_over(self, state: Investigation, draft: Draft) -> Receipt:
        turn = state["turn"]
        evidence = evidence_of_turn(state)
        reason = None
        if not self.enrichment:
            reason = "switched off by ENRICHMENT"
        elif state.get("failure"):
            reason = "the investigation failed"
        elif not evidence:
            reason = "no evidence was gathered"
        if reason:
            return await self._skipped(turn, reason)
        earlier = earlier_turns(state)
        covers = coverable(state, await self._waiting(turn, earlier)) if earlier else []
        first = first_checkpoint(state, draft.answer.text, covers)
        first["report"] = draft.report.model_dump() if draft.report else None

        async def live() -> Receipt:
            return await self.hand_over(turn, first)

        known = encode_state(first)
        asked = Digested(
            {"turn": turn["id"], "first": digest(known)},
            {},
            lambda: {"turn": turn["id"], "first": known},
        )
        return await exchange("detach", "hand_over", asked, live, Form(_outcome))

    async def _skipped(self, turn: Turn, reason: str) -> Receipt:
        async def live() -> Receipt:
            return await self.hand_over.skip(turn, reason)

        request = {"turn": turn["id"], "reason": reason}
        return await exchange("detach", "skip", request, live, Form(_outcome))

    async def _waiting(self, turn: Turn, earlier: list[str]) -> list[str]:
        """Those of the earlier turns whose enrichment has not been started."""

        async def live() -> list[str]:
            return await self.hand_over.waiting(earlier, turn)

        return await exchange("detach", "waiting", {"turns": earlier}, live)


def route(state: Investigation) -> str:
    """Where to go from here: back to `plan`, on to `enrich` on a detached thread, or to the end."""
    if state.get("detached"):
        return "enrich"
    return "end" if isinstance(state["messages"][-1], AIMessage) else "plan"


def _answer(state: Investigation, text: str) -> AIMessage:
    return AIMessage(text, id=f"{state['turn']['id']}:answer")


def _closing(state: Investigation, call_id: str | None, text: str, **fields: Any) -> ToolMessage:
    visit = state["spent"]["visits"]
    return ToolMessage(
        text,
        id=f"{state['turn']['id']}:respond#{visit}",
        tool_call_id=call_id or "",
        name=CONCLUDE,
        **fields,
    )


def _status(entry: Evidence) -> str:
    return REMEMBERED if entry["source"] == MEMORY else entry["status"]


def _outcome(handed: Receipt) -> Outcome:
    failed = handed["status"] == "failed"
    return Outcome(dict(handed), "error" if failed else "ok", handed["reason"] if failed else None)


def _failure_text(state: Investigation) -> str:
    failure = state.get("failure")
    reason = failure["message"] if failure else "unknown"
    return f"The investigation could not be finished. {reason}\n\n{_gathered(state)}"


def _gathered(state: Investigation) -> str:
    evidence = evidence_of_turn(state)
    if not evidence:
        return "No evidence had been gathered."
    return "\n".join(["Gathered so far:", *(f"- {evidence_line(entry)}" for entry in evidence)])


def _failed_sources(state: Investigation) -> list[str]:
    """The sources that answered with an error in this turn, one sentence each."""
    failed: dict[str, list[str]] = {}
    for entry in evidence_of_turn(state):
        itself = [entry["source"]] if entry["status"] == "error" else []
        names = entry["unanswered"] or itself
        for name in names:
            failed.setdefault(name, []).append(entry["id"])
    failed.pop(ARGUMENTS, None)
    return [
        f"{source} answered with an error in {', '.join(ids)}" for source, ids in failed.items()
    ]
