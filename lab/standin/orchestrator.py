"""The stand-in as orchestrator: find the component, follow the suffering, look, conclude."""

import hashlib
import json
import re
from typing import Any

from lab.standin.judging import Verdict, follow, judge, not_known
from lab.standin.reading import Result, TurnSoFar, place_of, turn_so_far

_SYMPTOM = re.compile(
    r"\b(slow|latency|time-?outs?|timing out|errors?|fail\w*|down|5\d\d|5xx|p9\d|spik\w+|alert\w*|"
    r"unavailable|stuck|wrong|broken|degraded|hang\w*|outage|unreachable|queu\w+|backlog)\b",
    re.IGNORECASE,
)
# Without the first boundary a long word is tried from each of its letters on.
_NAME = re.compile(r"\b[a-zA-Z]\w*(?:-\w+)+")
_SUSPECTS_LOOKED_AT = 3
Call = tuple[str, dict[str, Any]]


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The next assistant message: calls, a plain answer, or `conclude`."""
    message = _next(turn_so_far(request))
    spoken = hashlib.sha256(json.dumps(request["messages"]).encode()).hexdigest()[:12]
    for position, call in enumerate(message.get("tool_calls", []), start=1):
        call["id"] = f"call_function_{spoken}_{position}"
    return message


def _next(turn: TurnSoFar) -> dict[str, Any]:
    if turn.offered == {"conclude"}:
        return _conclude(turn, "the means to look further are used up or not there")
    subject = _subject(turn)
    if subject is None:
        return _find_subject(turn)
    if not _SYMPTOM.search(turn.question):
        return _inform(turn, subject)
    return _investigate(turn, subject)


def _find_subject(turn: TurnSoFar) -> dict[str, Any]:
    searches = turn.of("find_services")
    searched = {result.args.get("query", "") for result in searches}
    wanted = [name.lower() for name in dict.fromkeys(_NAME.findall(turn.question))][:3]
    calls: list[Call] = [
        ("find_services", {"query": name}) for name in wanted if name not in searched
    ]
    if not calls and "" not in searched:
        calls = [("find_services", {"query": "", "limit": 200})]
    if calls:
        return _calls("Which component is this about? Look the names up.", calls)
    unread = any(result.unread for result in searches)
    if _SYMPTOM.search(turn.question):
        unknown = "no component that the question names is known"
        return _conclude(turn, "the topology could not be read" if unread else unknown)
    if unread:
        return _text(f"The topology could not be read{_cited(turn.results)}.")
    return _text(f"I found no component that the question names{_cited(turn.results)}.")


def _inform(turn: TurnSoFar, subject: str) -> dict[str, Any]:
    facts, edges = turn.of("get_component", name=subject), turn.of("get_topology", name=subject)
    if not facts or not edges:
        calls: list[Call] = [
            ("get_component", {"name": subject}),
            ("get_topology", {"name": subject, "direction": "both", "depth": 1}),
        ]
        return _calls("A question about facts. Look the component up.", calls)
    if facts[0].status != "ok":
        return _text(f"{subject} could not be looked up{_cited(facts)}.")
    properties = {(row["of"], row["property"]): row["value"] for row in facts[0].rows}
    team = properties.get(("team", "name"), "no team")
    contact = [
        f"{label} {properties['team', key]}"
        for key, label in (("channel", "channel"), ("oncall", "on call"))
        if ("team", key) in properties
    ]
    used = [f"{row['to']} ({row['relation']})" for row in edges[0].rows if row["from"] == subject]
    using = [row["from"] for row in edges[0].rows if row["to"] == subject]
    reach = f" ({', '.join(contact)})" if contact else ""
    owned = f"{subject} is owned by {team}{reach}{_cited(facts)}.\n"
    if edges[0].unread:
        return _text(f"{owned}Its calls could not be read{_cited(edges)}.")
    return _text(
        f"{owned}"
        f"It depends on {', '.join(used) or 'nothing'}{_cited(edges)}.\n"
        f"It is used by {', '.join(using) or 'nothing'}{_cited(edges)}."
    )


def _investigate(turn: TurnSoFar, subject: str) -> dict[str, Any]:
    if not turn.of("get_topology", name=subject):
        calls: list[Call] = [
            ("get_topology", {"name": subject, "direction": "dependencies", "depth": 6}),
            ("get_topology", {"name": subject, "direction": "dependents", "depth": 2}),
            ("list_recent_deployments", {"window_hours": 24}),
        ]
        return _calls(f"{subject} shows the symptom. See what it calls, and what changed.", calls)
    trail = follow(turn, subject)
    unseen = [
        name for name in trail.ends[:_SUSPECTS_LOOKED_AT] if not turn.of("get_component", name=name)
    ]
    if unseen:
        calls = [("get_component", {"name": name}) for name in unseen]
        calls += [("find_blast_radius", {"name": name}) for name in unseen]
        calls += [
            ("get_topology", {"name": name, "direction": "dependents", "depth": 1})
            for name in unseen
        ]
        return _calls(f"The trail ends at {', '.join(trail.ends)}. Look at each.", calls)
    return _report(judge(turn, trail))


def _subject(turn: TurnSoFar) -> str | None:
    """The known component that the question names; the earliest named, then the longest."""
    names = {row["name"] for result in turn.of("find_services") for row in result.rows}
    places = {name: place_of(name, turn.question) for name in names}
    named = [name for name, place in places.items() if place >= 0]
    return min(named, key=lambda name: (places[name], -len(name)), default=None)


def _report(verdict: Verdict) -> dict[str, Any]:
    return _call_conclude(
        {
            "summary": verdict.summary,
            "root_cause": (
                {"component": verdict.component, "explanation": verdict.explanation}
                if verdict.component
                else None
            ),
            "confidence": verdict.confidence,
            "evidence": [{"id": id_, "shows": shows} for id_, shows in verdict.evidence],
            "ruled_out": [
                {"component": name, "reason": reason} for name, reason in verdict.ruled_out
            ],
            "blast_radius": verdict.blast_radius,
            "actions": [{"description": what, "command": how} for what, how in verdict.actions],
            "open_questions": verdict.open_questions,
        }
    )


def _conclude(turn: TurnSoFar, why: str) -> dict[str, Any]:
    """Conclude from what there is; without a trail there is no cause to name."""
    subject = _subject(turn)
    if subject and turn.of("get_topology", name=subject):
        return _report(judge(turn, follow(turn, subject)))
    evidence = [
        (result.evidence, f"{result.name} failed" if result.unread else f"asked {result.name}")
        for result in turn.results
        if result.evidence
    ]
    which = "Which component shows the symptom, and can it be looked at?"
    return _report(
        Verdict(
            summary=f"No cause was found: {why}.",
            evidence=evidence,
            open_questions=[*not_known(turn), which],
        ),
    )


def _cited(results: list[Result]) -> str:
    ids = " ".join(f"[{result.evidence}]" for result in results if result.evidence)
    return f" {ids}" if ids else ""


def _thinking(thought: str) -> dict[str, Any]:
    detail = {
        "type": "reasoning.text",
        "id": "reasoning-text-1",
        "format": "MiniMax-response-v1",
        "index": 0,
        "text": thought,
    }
    return {"reasoning_content": thought, "reasoning_details": [detail]}


def _calls(thought: str, calls: list[Call]) -> dict[str, Any]:
    return {
        "content": "",
        **_thinking(thought),
        "tool_calls": [
            {
                "id": "",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(args)},
            }
            for name, args in calls
        ],
    }


def _call_conclude(report: dict[str, Any]) -> dict[str, Any]:
    return _calls("I have what I need. Conclude.", [("conclude", report)])


def _text(text: str) -> dict[str, Any]:
    return {"content": text, **_thinking("A plain answer is enough.")}
