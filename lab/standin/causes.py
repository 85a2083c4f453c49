"""The causes that the stand-in knows, each from what a result shows about one suspect."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lab.standin.reading import Result, TurnSoFar
from lab.standin.trail import Trail, number

POOL_FULL = 0.95
HOST_BUSY_PERCENT = 90
GREW = 2.0
"""How many times its earlier use a neighbour must take to be called noisy."""
_EXPIRED = re.compile(r"x509|certificate|expired|invalid_client", re.IGNORECASE)
_CERTIFICATE = re.compile(r"x509|certificate", re.IGNORECASE)
_UNWELL = re.compile(r"unhealthy|impaired|stopped|failed", re.IGNORECASE)
_RUNNING = re.compile(r"(\d+)/(\d+)")


@dataclass
class Verdict:
    """What goes into the report."""

    summary: str = ""
    component: str = ""
    explanation: str = ""
    confidence: str = "low"
    evidence: list[tuple[str, str]] = field(default_factory=list)
    ruled_out: list[tuple[str, str]] = field(default_factory=list)
    blast_radius: list[str] = field(default_factory=list)
    actions: list[tuple[str, str]] = field(default_factory=list)
    open_questions: list[str] = field(default_factory=list)


def causes(turn: TurnSoFar, trail: Trail, name: str) -> Iterator[tuple[int, Verdict]]:
    """What may be wrong with that suspect, each with how telling it is."""
    yield from _pool_is_full(turn, trail, name)
    yield from _something_expired(turn, trail, name)
    yield from _noisy_neighbour(turn, name)
    yield from _does_not_run(turn, name)
    if name in trail.ends:
        yield from _was_deployed(turn, name)
        yield from _is_external(turn, name)


def properties_of(turn: TurnSoFar, name: str) -> tuple[dict[tuple[str, str], str], str]:
    """What get_component told about it, by part and property, and the evidence id."""
    for result in turn.of("get_component", name=name):
        if result.status == "ok":
            rows = reversed(result.rows)
            return {(row["of"], row["property"]): row["value"] for row in rows}, result.evidence
    return {}, ""


def hosts_of(turn: TurnSoFar, name: str) -> list[str]:
    """The hosts that get_component told for it."""
    return [
        row["value"]
        for result in turn.of("get_component", name=name)
        for row in result.rows
        if (row["of"], row["property"]) == ("host", "name")
    ]


def _pool_is_full(turn: TurnSoFar, trail: Trail, name: str) -> Iterator[tuple[int, Verdict]]:
    properties, evidence = properties_of(turn, name)
    in_use = number({"n": properties.get(("component", "connections_in_use"), "")}, "n")
    maximum = number({"n": properties.get(("component", "max_connections"), "")}, "n")
    users = [edge for edge in trail.edges if edge.target == name]
    if not maximum or in_use / maximum < POOL_FULL or not users:
        return
    holder = max(users, key=lambda edge: edge.connections)
    yield (
        300,
        Verdict(
            component=name,
            explanation=(
                f"All connections of {name} are taken ({in_use:g} of {maximum:g}); "
                f"{holder.source} holds the most ({holder.connections:g}). Others wait for one."
            ),
            confidence="high",
            evidence=[(evidence, f"{in_use:g} of {maximum:g} connections in use")],
            actions=[
                (f"Make {holder.source} give connections back, or stop it", ""),
                (f"Cap the pool of {holder.source} below what {name} can spare", ""),
            ],
        ),
    )


def _something_expired(turn: TurnSoFar, trail: Trail, name: str) -> Iterator[tuple[int, Verdict]]:
    """A certificate is that of who is called; a secret is that of who shows it."""
    callers = [edge.source for edge in trail.into(name)]
    for writer in (name, *callers):
        for result, row in new_errors(turn, writer):
            if not _EXPIRED.search(row["template"]):
                continue
            is_certificate = _CERTIFICATE.search(row["template"]) is not None
            owner = name if is_certificate else writer
            what = "certificate" if is_certificate else "credential"
            yield (
                280,
                Verdict(
                    component=owner,
                    explanation=(
                        f"The {what} of {owner} has expired: since {row['first']} {writer} "
                        f"writes so ({row['count']} lines), and calls fail."
                    ),
                    confidence="high",
                    evidence=[(result.evidence, f"{row['count']} log lines of {writer} say so")],
                    actions=[
                        (f"Renew the {what} of {owner}, and let its users load the new one", ""),
                        (f"Watch the end of validity of every {what} of {owner}", ""),
                    ],
                ),
            )


def _noisy_neighbour(turn: TurnSoFar, name: str) -> Iterator[tuple[int, Verdict]]:
    for host in hosts_of(turn, name):
        properties, evidence = properties_of(turn, host)
        cpu = number({"n": properties.get(("component", "cpu_percent"), "")}, "n")
        if cpu < HOST_BUSY_PERCENT:
            continue
        for result in turn.of("query_metrics", query=usage_query(host)):
            noisy = [
                (number(row, "last"), row)
                for row in result.rows
                if row["onset"] != "-" and number(row, "last") >= GREW * number(row, "min")
            ]
            if not noisy:
                continue
            _, row = max(noisy, key=lambda entry: entry[0])
            neighbour = _tag(row["series"], "service")
            if neighbour and neighbour != name:
                yield 260, _takes_the_host(neighbour, name, host, (result, row), (evidence, cpu))


def _takes_the_host(
    neighbour: str,
    victim: str,
    host: str,
    usage: tuple[Result, dict[str, str]],
    busy: tuple[str, float],
) -> Verdict:
    result, row = usage
    evidence, cpu = busy
    return Verdict(
        component=neighbour,
        explanation=(
            f"{neighbour} takes the CPU of {host} since {row['onset']} (now {row['last']}); "
            f"{victim} runs on the same host, which is at {cpu:g} %, and slows down."
        ),
        confidence="high",
        evidence=[
            (result.evidence, f"CPU of {neighbour} on {host} rose at {row['onset']}"),
            (evidence, f"{host} is at {cpu:g} % CPU"),
        ],
        actions=[
            (f"Stop {neighbour} or move it to another host than {host}", ""),
            (f"Give {neighbour} a CPU limit", ""),
        ],
    )


def _does_not_run(turn: TurnSoFar, name: str) -> Iterator[tuple[int, Verdict]]:
    for result in turn.of("aws_resource_health", service=name):
        for row in result.rows:
            state = row.get("state", "")
            running = _RUNNING.search(state)
            is_short = running is not None and int(running[1]) < int(running[2])
            if not is_short and not _UNWELL.search(state):
                continue
            verdict = Verdict(
                component=name,
                explanation=f"{name} does not run as it should: {row['kind']}, {state}.",
                confidence="high",
                evidence=[(result.evidence, f"{row['kind']} {row['name']}: {state}")],
                actions=[(f"Bring {name} back to what it should run", "")],
            )
            for changes, change in _deployed(turn, name):
                verdict.explanation += f" Before, at {change['at']}: {change['detail']}."
                verdict.evidence.append((changes.evidence, f"deployment at {change['at']}"))
                verdict.actions.append((_way_back(changes, change), ""))
            yield 240, verdict


def _was_deployed(turn: TurnSoFar, name: str) -> Iterator[tuple[int, Verdict]]:
    for result, row in _deployed(turn, name):
        change = f" ({row['detail']})" if row.get("detail", "-") != "-" else ""
        yield (
            200,
            Verdict(
                component=name,
                explanation=(
                    f"{name} {row['version']} was deployed at {row['at']} by {row['by']}{change}; "
                    "since then its callers wait for it, while what it calls answers as always."
                ),
                confidence="high",
                evidence=[(result.evidence, f"deployment of {name} at {row['at']}")],
                actions=[(_way_back(result, row), "")],
            ),
        )


def _is_external(turn: TurnSoFar, name: str) -> Iterator[tuple[int, Verdict]]:
    properties, evidence = properties_of(turn, name)
    if properties.get(("component", "type")) != "external":
        return
    yield (
        100,
        Verdict(
            component=name,
            explanation=f"{name} is a third party and answers slowly or with errors.",
            confidence="high",
            evidence=[(evidence, f"{name} is of type external")],
            actions=[
                (f"Check the status page of {name} and open a ticket with them", ""),
                (f"Let the callers of {name} fail fast, or switch to another provider", ""),
            ],
        ),
    )


def _deployed(turn: TurnSoFar, name: str) -> Iterator[tuple[Result, dict[str, str]]]:
    """The latest deployment of that component that went live, as the topology tells it."""
    for result in turn.of("list_changes"):
        for row in result.rows:
            is_deployment = row["kind"] == "deployment" and row["component"] == name
            if is_deployment and row["status"] in ("succeeded", "in_progress"):
                yield result, row
                return


def new_errors(turn: TurnSoFar, name: str) -> Iterator[tuple[Result, dict[str, str]]]:
    """The kinds of error lines of that component that were not there when the window began."""
    for result in turn.of("search_logs", query=logs_query(name)):
        for row in result.rows:
            if row["level"] in ("error", "warn") and row["first"] > result.settled:
                yield result, row


def logs_query(name: str) -> str:
    """The question about what a component complains of."""
    return f"service:{name} status:(error OR warn)"


def usage_query(host: str) -> str:
    """The question about who uses the CPU of a host."""
    return f"avg:container.cpu.usage{{host:{host}}} by {{service}}"


def _way_back(result: Result, row: dict[str, str]) -> str:
    before = _version_before(result, row)
    return f"Roll {row['component']} back from {row['version']}" + (before and f" to {before}")


def _version_before(result: Result, deployment: dict[str, str]) -> str:
    """The version that went live before that deployment; empty when the result shows none."""
    rows = result.rows
    for row in rows[rows.index(deployment) + 1 :]:
        went_live = row["component"] == deployment["component"] and row["status"] == "succeeded"
        if went_live and row["version"] not in ("-", deployment["version"]):
            return row["version"]
    return ""


def _tag(series: str, tag: str) -> str:
    """The value of that tag in the name of a series, such as `cpu{service:a,host:b}`."""
    found = re.search(rf"\b{tag}:([\w.-]+)", series)
    return found[1] if found else ""
