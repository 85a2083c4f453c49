"""What the stand-in asks for when memory gives it a lead: what confirms or refutes that, alone."""

from collections.abc import Iterator

from lab.standin.asking import closer, first_looks, fresh
from lab.standin.hints import Hint
from lab.standin.kinds import (
    CALLER,
    DEPLOYMENT,
    EXPIRED,
    EXTERNAL,
    ILL_HOST,
    NEIGHBOUR,
    POOL,
    TASKS,
    UNKNOWN,
)
from lab.standin.queries import WINDOW, errors_query, latency_query, logs_query, usage_query
from lab.standin.reading import TurnSoFar
from lab.standin.speaking import Call
from lab.standin.suspect import Suspect
from lab.standin.trail import Trail

_AT_THE_END = (POOL, DEPLOYMENT, EXTERNAL, UNKNOWN)
"""Kinds of cause of the component where the degraded calls end."""
_CALLERS = 2
_HOSTS = 2


def lead_of(turn: TurnSoFar) -> Hint | None:
    """The hint to look into: the likeliest that says what is wrong."""
    return next((hint for hint in turn.hints if hint.kinds), None)


def looks_into(turn: TurnSoFar, trail: Trail, lead: Hint) -> list[Call]:
    """What is still to be asked about the lead; nothing once the trail leads elsewhere."""
    dependencies, dependents, changed, monitors, _ = first_looks(trail.subject)
    if lead.is_calm:
        health: Call = ("aws_resource_health", {"service": trail.subject})
        return fresh(turn, [dependencies, dependents, changed, monitors, health])
    about: list[Call] = [
        dependencies,
        changed,
        ("get_component", {"name": lead.component}),
        *_by_kind(lead),
    ]
    if lead.kinds[0] == TASKS:
        about.append(dependents)
    if wanted := fresh(turn, about):
        return wanted
    return fresh(turn, [*_from_there(turn, trail, lead)])


def _by_kind(lead: Hint) -> Iterator[Call]:
    """What tells at once whether its component has that trouble again."""
    name, kind = lead.component, lead.kinds[0]
    if kind in (*_AT_THE_END, TASKS):
        yield "find_blast_radius", {"name": name}
    if kind in (DEPLOYMENT, EXPIRED, TASKS, ILL_HOST, UNKNOWN):
        yield "aws_resource_health", {"service": name}
    if kind in (POOL, EXTERNAL, EXPIRED):
        yield "get_topology", {"name": name, "direction": "dependents", "depth": 1}
    if kind in (POOL, DEPLOYMENT, EXTERNAL):
        yield "query_metrics", {"query": latency_query(name), "window": WINDOW}
    if kind in (EXPIRED, UNKNOWN):
        yield "search_logs", {"query": logs_query(name), "window": WINDOW}


def _from_there(turn: TurnSoFar, trail: Trail, lead: Hint) -> Iterator[Call]:
    """What is missing, now that it is seen where the trail leads."""
    name, kind = lead.component, lead.kinds[0]
    if kind == TASKS:
        yield from closer(Suspect(turn, trail, name))
        return
    ends = trail.ends
    if kind in _AT_THE_END:
        ends = [name] if name in trail.ends else []
    for end in ends[:1]:
        is_slow = any(edge.slow for edge in trail.into(end))
        query = latency_query(end) if is_slow else errors_query(end)
        yield "query_metrics", {"query": query, "window": WINDOW}
        if kind in (EXPIRED, EXTERNAL):
            for edge in trail.into(end)[:_CALLERS]:
                yield "search_logs", {"query": logs_query(edge.source), "window": WINDOW}
        if kind not in _AT_THE_END:
            yield "get_component", {"name": end}
            yield "find_blast_radius", {"name": end}
        yield from _below(turn, trail, end, lead)
        yield from closer(Suspect(turn, trail, end))


def _below(turn: TurnSoFar, trail: Trail, end: str, lead: Hint) -> Iterator[Call]:
    """The hosts that both run on, or who else calls it."""
    kind = lead.kinds[0]
    if kind in (CALLER, EXPIRED):
        yield "get_topology", {"name": end, "direction": "dependents", "depth": 1}
    if kind == NEIGHBOUR:
        for host in Suspect(turn, trail, lead.component).hosts[:_HOSTS]:
            yield "get_component", {"name": host}
            yield "query_metrics", {"query": usage_query(host), "window": WINDOW}
