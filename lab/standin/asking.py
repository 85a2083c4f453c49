"""What the stand-in looks at next, stage by stage; no call is made twice."""

from collections.abc import Iterator

from lab.standin.causes import causes
from lab.standin.outages import unwell
from lab.standin.queries import (
    WINDOW,
    errors_query,
    host_query,
    latency_query,
    logs_query,
    memory_query,
    processor_of,
    usage_query,
)
from lab.standin.reading import TurnSoFar
from lab.standin.refusals import ages_to_look_up
from lab.standin.saturation import is_saturated, time_of
from lab.standin.speaking import Call
from lab.standin.suspect import Suspect
from lab.standin.trail import Trail

MOST_CALLS = 28
"""Calls of one turn."""
_SUSPECTS_LOOKED_AT = 3
_NEIGHBOURS_LOOKED_AT = 5
_CALLERS_LOOKED_AT = 2
_HOSTS_LOOKED_AT = 4


def first_looks(subject: str) -> list[Call]:
    """What surrounds the component with the symptom, what changed, what alerts."""
    return [
        ("get_topology", {"name": subject, "direction": "dependencies", "depth": 6}),
        ("get_topology", {"name": subject, "direction": "dependents", "depth": 2}),
        ("list_changes", {"window": "last 24h"}),
        ("search_monitors", {"service": subject}),
        ("aws_alarms", {}),
    ]


def suspects_of(trail: Trail) -> list[str]:
    """Where the trail ends; without a trail the subject and what it talks to."""
    if trail.ends:
        return trail.ends[:_SUSPECTS_LOOKED_AT]
    return [trail.subject, *trail.neighbours[:_NEIGHBOURS_LOOKED_AT]]


def looks_at(turn: TurnSoFar, trail: Trail) -> list[Call]:
    """Each suspect, what it and its callers complain of, since when, and who else calls it."""
    looks: list[Call] = []
    for name in suspects_of(trail):
        callers = [edge.source for edge in trail.into(name)][:_CALLERS_LOOKED_AT]
        looks += [
            ("get_component", {"name": name}),
            ("aws_resource_health", {"service": name}),
            *(
                ("search_logs", {"query": logs_query(writer), "window": WINDOW})
                for writer in (name, *callers)
            ),
        ]
        if name in trail.ends:
            is_slow = any(edge.slow for edge in trail.into(name))
            query = latency_query(name) if is_slow else errors_query(name)
            looks += [
                ("find_blast_radius", {"name": name}),
                ("get_topology", {"name": name, "direction": "dependents", "depth": 1}),
                ("query_metrics", {"query": query, "window": WINDOW}),
            ]
    return fresh(turn, looks)


def looks_at_hosts(turn: TurnSoFar, trail: Trail) -> list[Call]:
    """The hosts that the suspects at the end of the trail run on."""
    return fresh(turn, [("get_component", {"name": host}) for host in _hosts(turn, trail)])


def further_looks(turn: TurnSoFar, trail: Trail) -> list[Call]:
    """What the results so far ask for; of hosts more than that while nothing is certain."""
    looks: list[Call] = []
    for name in suspects_of(trail):
        looks += closer(Suspect(turn, trail, name))
    every = [verdict for name in suspects_of(trail) for _, verdict in causes(turn, trail, name)]
    callers = {edge.source for edge in trail.degraded}
    for cause in dict.fromkeys(verdict.component for verdict in every if verdict.certain):
        if cause in callers and cause not in trail.ends:
            looks.append(("find_blast_radius", {"name": cause}))
    if trail.ends and not any(verdict.certain for verdict in every):
        looks += [("aws_resource_health", {"service": host}) for host in _hosts(turn, trail)]
    return fresh(turn, looks)


def fresh(turn: TurnSoFar, wanted: list[Call]) -> list[Call]:
    """The calls of tools that there are, each once and not asked before, within the budget."""
    found: list[Call] = []
    for name, args in wanted:
        was_asked = any(result.name == name and result.args == args for result in turn.results)
        if name in turn.offered and not was_asked and (name, args) not in found:
            found.append((name, args))
    return found[: max(0, MOST_CALLS - len(turn.results))]


def closer(suspect: Suspect) -> Iterator[Call]:
    """What the results about one suspect ask for."""
    for host, _ in suspect.busy_hosts if suspect.is_end else []:
        for query in (usage_query(host.name), host_query(host.name)):
            yield "query_metrics", {"query": query, "window": WINDOW}
    if is_saturated(suspect):
        yield "aws_metrics", processor_of(suspect.name)
        if time_of(suspect):
            yield "query_metrics", {"query": time_of(suspect), "window": WINDOW}
    if any(unwell(suspect)):
        yield "query_metrics", {"query": memory_query(suspect.name), "window": WINDOW}
    for writer, window in ages_to_look_up(suspect):
        yield "search_logs", {"query": logs_query(writer), "window": window}


def _hosts(turn: TurnSoFar, trail: Trail) -> list[str]:
    ends = [Suspect(turn, trail, name) for name in suspects_of(trail) if name in trail.ends]
    return list(dict.fromkeys(host for end in ends for host in end.hosts))[:_HOSTS_LOOKED_AT]
