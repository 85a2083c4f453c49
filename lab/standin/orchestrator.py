"""The stand-in as orchestrator: find the component, follow the suffering, look, conclude."""

import hashlib
import json
import re
from typing import Any

from lab.standin.causes import Verdict, hosts_of, logs_query, usage_query
from lab.standin.judging import judge, not_known
from lab.standin.reading import Result, TurnSoFar, place_of, turn_so_far
from lab.standin.speaking import Call, calls, report, text
from lab.standin.trail import Trail, follow

_SYMPTOM = re.compile(
    r"\b(slow|latency|time-?outs?|timing out|errors?|fail\w*|down|5\d\d|5xx|p9\d|spik\w+|alert\w*|"
    r"unavailable|stuck|wrong|broken|degraded|hang\w*|outage|unreachable|queu\w+|backlog)\b",
    re.IGNORECASE,
)
# Without the first boundary a long word is tried from each of its letters on.
_NAME = re.compile(r"\b[a-zA-Z]\w*(?:-\w+)+")
_SUSPECTS_LOOKED_AT = 3
_NEIGHBOURS_LOOKED_AT = 5
_CALLERS_LOOKED_AT = 2
_HOSTS_LOOKED_AT = 4
_WINDOW = "last 3h"


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
    if not turn.of("get_topology", name=subject):
        return calls(
            f"{subject} shows the symptom. See what it calls, what alerts, and what changed.",
            _on_offer(turn, _first_looks(subject)),
        )
    trail = follow(turn, subject)
    suspects = _suspects(trail)
    unseen = [name for name in suspects if not turn.of("get_component", name=name)]
    if unseen:
        wanted = [call for name in unseen for call in _looks_at(name, trail)]
        thought = (
            f"The trail ends at {', '.join(trail.ends)}. Look at each."
            if trail.ends
            else "No call is degraded. Look at the component and its neighbours."
        )
        return calls(thought, _on_offer(turn, wanted))
    hosts = dict.fromkeys(host for name in trail.ends for host in hosts_of(turn, name))
    unseen = [host for host in hosts if not turn.of("get_component", name=host)]
    if unseen:
        wanted = [("get_component", {"name": host}) for host in unseen[:_HOSTS_LOOKED_AT]]
        wanted += [
            ("query_metrics", {"query": usage_query(host), "window": _WINDOW})
            for host in unseen[:_HOSTS_LOOKED_AT]
        ]
        return calls("See who else runs on these hosts.", _on_offer(turn, wanted))
    return report(judge(turn, trail, suspects))


def _first_looks(subject: str) -> list[Call]:
    return [
        ("get_topology", {"name": subject, "direction": "dependencies", "depth": 6}),
        ("get_topology", {"name": subject, "direction": "dependents", "depth": 2}),
        ("list_changes", {"window": "last 24h"}),
        ("search_monitors", {"service": subject}),
        ("aws_alarms", {}),
    ]


def _suspects(trail: Trail) -> list[str]:
    """Where the trail ends; without a trail the subject and what it talks to."""
    if trail.ends:
        return trail.ends[:_SUSPECTS_LOOKED_AT]
    return [trail.subject, *trail.neighbours[:_NEIGHBOURS_LOOKED_AT]]


def _looks_at(name: str, trail: Trail) -> list[Call]:
    callers = [edge.source for edge in trail.into(name)][:_CALLERS_LOOKED_AT]
    looks: list[Call] = [
        ("get_component", {"name": name}),
        ("aws_resource_health", {"service": name}),
        *(
            ("search_logs", {"query": logs_query(writer), "window": _WINDOW})
            for writer in (name, *callers)
        ),
    ]
    if name in trail.ends:
        looks.append(("find_blast_radius", {"name": name}))
        looks.append(("get_topology", {"name": name, "direction": "dependents", "depth": 1}))
    return looks


def _on_offer(turn: TurnSoFar, wanted: list[Call]) -> list[Call]:
    """The calls of tools that there are, each once; a source that is switched off has none."""
    offered = [call for call in wanted if call[0] in turn.offered]
    return [call for place, call in enumerate(offered) if call not in offered[:place]]


def _subject(turn: TurnSoFar) -> str | None:
    """The known component that the question names; the earliest named, then the longest."""
    names = {row["name"] for result in turn.of("find_services") for row in result.rows}
    places = {name: place_of(name, turn.question) for name in names}
    named = [name for name, place in places.items() if place >= 0]
    return min(named, key=lambda name: (places[name], -len(name)), default=None)


def _conclude(turn: TurnSoFar, why: str) -> dict[str, Any]:
    """Conclude from what there is; without a trail there is no cause to name."""
    subject = _subject(turn)
    if subject and turn.of("get_topology", name=subject):
        trail = follow(turn, subject)
        return report(judge(turn, trail, _suspects(trail)))
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
