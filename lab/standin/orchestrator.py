"""The stand-in as orchestrator: find the component, follow the suffering, look, conclude."""

import hashlib
import json
import re
from typing import Any

from lab.standin.asking import (
    first_looks,
    fresh,
    further_looks,
    looks_at,
    looks_at_hosts,
    suspects_of,
)
from lab.standin.judging import judge, not_known
from lab.standin.leads import lead_of, looks_into
from lab.standin.reading import Result, TurnSoFar, place_of, turn_so_far
from lab.standin.settling import bears_out, settle
from lab.standin.speaking import Call, calls, report, text
from lab.standin.trail import Trail, follow
from lab.standin.verdict import Verdict

_SYMPTOM = re.compile(
    r"\b(slow\w*|latency|time-?outs?|timing out|errors?|fail\w*|down|5\d\d|5xx|p9\d|spik\w+|"
    r"alert\w*|no data|paged|unavailable|stuck|wrong|broken|degraded|hang\w*|crash\w*|outage|"
    r"unreachable|queu\w+|backlog)\b",
    re.IGNORECASE,
)
# Without the first boundary a long word is tried from each of its letters on.
_NAME = re.compile(r"\b[a-zA-Z]\w*(?:-\w+)+")


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
    is_about_trouble = _SYMPTOM.search(turn.question) is not None
    if is_about_trouble and (message := _pursue(turn, subject or _supposed(turn))):
        return message
    if subject is None:
        return _find_subject(turn)
    return _investigate(turn, subject) if is_about_trouble else _inform(turn, subject)


def _pursue(turn: TurnSoFar, subject: str | None) -> dict[str, Any] | None:
    """Look into what memory says first; None without a lead, or when it leads nowhere.

    It concludes only by its own rules, from what it got.
    """
    lead = lead_of(turn)
    if lead is None or subject is None:
        return None
    trail = follow(turn, subject)
    if wanted := looks_into(turn, trail, lead):
        return calls(f"Memory blames {lead.component}. Is it so again?", wanted)
    verdict = judge(turn, trail, suspects_of(trail))
    if not trail.edges or not bears_out(lead, trail, verdict):
        return None
    return _spoken(turn, trail, verdict)


def _supposed(turn: TurnSoFar) -> str | None:
    """What the question seems to name, before the topology was asked whether it is there."""
    named = _NAME.search(turn.question)
    return named.group() if named else None


def _find_subject(turn: TurnSoFar) -> dict[str, Any]:
    searches = turn.of("find_services")
    searched = {result.args.get("query", "") for result in searches}
    named = [name.lower() for name in dict.fromkeys(_NAME.findall(turn.question))][:3]
    wanted: list[Call] = [
        ("find_services", {"query": name}) for name in named if name not in searched
    ]
    if not wanted and "" not in searched:
        wanted = [("find_services", {"query": "", "limit": 200})]
    if wanted:
        return calls("Which component is this about? Look the names up.", wanted)
    unread = any(result.unread for result in searches)
    if _SYMPTOM.search(turn.question):
        unknown = "no component that the question names is known"
        return _conclude(turn, "the topology could not be read" if unread else unknown)
    if unread:
        return text(f"The topology could not be read{_cited(turn.results)}.")
    return text(f"I found no component that the question names{_cited(turn.results)}.")


def _inform(turn: TurnSoFar, subject: str) -> dict[str, Any]:
    facts, edges = turn.of("get_component", name=subject), turn.of("get_topology", name=subject)
    if not facts or not edges:
        wanted: list[Call] = [
            ("get_component", {"name": subject}),
            ("get_topology", {"name": subject, "direction": "both", "depth": 1}),
        ]
        return calls("A question about facts. Look the component up.", wanted)
    if facts[0].status != "ok":
        return text(f"{subject} could not be looked up{_cited(facts)}.")
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
        return text(f"{owned}Its calls could not be read{_cited(edges)}.")
    return text(
        f"{owned}"
        f"It depends on {', '.join(used) or 'nothing'}{_cited(edges)}.\n"
        f"It is used by {', '.join(using) or 'nothing'}{_cited(edges)}."
    )


def _investigate(turn: TurnSoFar, subject: str) -> dict[str, Any]:
    """Stage by stage; one that has nothing new to ask is passed over."""
    if wanted := fresh(turn, first_looks(subject)):
        return calls(
            f"{subject} shows the symptom. See what it calls, what alerts, and what changed.",
            wanted,
        )
    trail = follow(turn, subject)
    found = (
        f"The trail ends at {', '.join(trail.ends)}. Look at each."
        if trail.ends
        else "No call is degraded. Look at the component and its neighbours."
    )
    for thought, look in (
        (found, looks_at),
        ("See whether the hosts below are busy.", looks_at_hosts),
        ("Follow up what this shows.", further_looks),
    ):
        if wanted := look(turn, trail):
            return calls(thought, wanted)
    return _spoken(turn, trail, judge(turn, trail, suspects_of(trail)))


def _spoken(turn: TurnSoFar, trail: Trail, verdict: Verdict) -> dict[str, Any]:
    verdict.hints = settle(turn, trail, verdict)
    return report(verdict)


def _subject(turn: TurnSoFar) -> str | None:
    """The known component that the question names; the earliest named, then the longest."""
    names = {row["name"] for result in turn.of("find_services") for row in result.rows}
    if not turn.of("find_services"):
        # Nobody looked the names up: those between which calls were found are known, too.
        calls_found = (row for result in turn.of("get_topology") for row in result.rows)
        names = {name for row in calls_found for name in (row["from"], row["to"])}
    places = {name: place_of(name, turn.question) for name in names}
    named = [name for name, place in places.items() if place >= 0]
    return min(named, key=lambda name: (places[name], -len(name)), default=None)


def _conclude(turn: TurnSoFar, why: str) -> dict[str, Any]:
    """Conclude from what there is; without a trail there is no cause to name."""
    subject = _subject(turn)
    if subject and turn.of("get_topology", name=subject):
        trail = follow(turn, subject)
        return _spoken(turn, trail, judge(turn, trail, suspects_of(trail)))
    evidence = [
        (result.evidence, f"{result.name} failed" if result.unread else f"asked {result.name}")
        for result in turn.results
        if result.evidence
    ]
    which = "Which component shows the symptom, and can it be looked at?"
    return report(
        Verdict(
            summary=f"No cause was found: {why}.",
            evidence=evidence,
            open_questions=[*not_known(turn), which],
        ),
    )


def _cited(results: list[Result]) -> str:
    ids = " ".join(f"[{result.evidence}]" for result in results if result.evidence)
    return f" {ids}" if ids else ""
