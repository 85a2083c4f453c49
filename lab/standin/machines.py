"""Causes on the hosts: a neighbour that takes the processors, a host that is not well."""

import re
from collections.abc import Iterator

from lab.standin.queries import host_query, usage_query
from lab.standin.reading import Result, moment, number
from lab.standin.suspect import Suspect
from lab.standin.verdict import Verdict

GREW = 2.0
"""How many times its earlier use a process must take to be called grown."""
SHARE = 0.25
"""And which part of all that is used on the host."""
NEAR_MIN = 20
"""How far apart two things may begin that belong together."""
_IMPAIRED = re.compile(r"check impaired", re.IGNORECASE)


def noisy_neighbour(suspect: Suspect) -> Iterator[tuple[int, Verdict]]:
    """Another process on a busy host of it takes far more than before, since it began."""
    for host, cpu in suspect.busy_hosts:
        for result, row in _grown(suspect, host.name):
            neighbour = tag(row["series"], "service")
            if not neighbour or neighbour == suspect.name:
                continue
            yield (
                260,
                Verdict(
                    component=neighbour,
                    explanation=(
                        f"{neighbour} takes the CPU of {host.name} since {row['onset']} (now "
                        f"{row['last']}); {suspect.name} runs on the same host, which is at "
                        f"{cpu:g} %, and slows down."
                    ),
                    confidence="high",
                    evidence=[
                        (result.evidence, f"CPU of {neighbour} on {host.name} rose"),
                        (host.evidence, f"{host.name} is at {cpu:g} % CPU"),
                    ],
                    actions=[
                        (f"Stop {neighbour} or move it to another host than {host.name}", ""),
                        (f"Give {neighbour} a CPU limit", ""),
                    ],
                ),
            )


def busy_host(suspect: Suspect) -> Iterator[tuple[int, Verdict]]:
    """A host became busy when it began, and nobody else on it is seen to take more."""
    for host, cpu in suspect.busy_hosts if suspect.is_end else []:
        for result in suspect.turn.of("query_metrics", query=host_query(host.name)):
            rose = [row for row in result.rows if _rose(suspect, row)]
            if not rose:
                continue
            grown = [tag(row["series"], "service") for _, row in _grown(suspect, host.name)]
            by_itself = suspect.name in grown
            who = (
                f"{suspect.name} itself takes more"
                if by_itself
                else "who takes them is not visible from here"
            )
            yield (
                60,
                Verdict(
                    component=suspect.name if by_itself else host.name,
                    explanation=(
                        f"The processors of {host.name}, where {suspect.name} runs, are at "
                        f"{cpu:g} % since {rose[0]['onset']}; {who}."
                    ),
                    confidence="medium",
                    evidence=[
                        (result.evidence, f"{host.name} became busy at {rose[0]['onset']}"),
                        (host.evidence, f"{host.name} is at {cpu:g} % CPU"),
                    ],
                    open_questions=[f"What takes the CPU of {host.name}?"],
                ),
            )


def ill_host(suspect: Suspect) -> Iterator[tuple[int, Verdict]]:
    """A status check of a machine under it fails, while calls to it are degraded."""
    for result, row in machines_of(suspect) if suspect.is_end else []:
        if not _IMPAIRED.search(row.get("detail", "")):
            continue
        host = row["name"]
        yield (
            220,
            Verdict(
                component=host,
                explanation=(
                    f"The machine {host}, where {suspect.name} runs, fails its status check."
                ),
                confidence="high",
                evidence=[(result.evidence, f"a status check of {host} fails")],
                actions=[(f"Move {suspect.name} away from {host}, and replace {host}", "")],
            ),
        )


def machines_of(suspect: Suspect) -> Iterator[tuple[Result, dict[str, str]]]:
    """The machines under it, as AWS tells."""
    seen = set()
    for name in (suspect.name, *suspect.hosts):
        for result in suspect.turn.of("aws_resource_health", service=name):
            for row in result.rows:
                is_known = row.get("name") in suspect.hosts and row["name"] not in seen
                if row.get("kind") == "ec2 instance" and is_known:
                    seen.add(row["name"])
                    yield result, row


def tag(series: str, name: str) -> str:
    """The value of that tag in the name of a series, such as `service:a, host:b`."""
    found = re.search(rf"\b{name}:([\w.-]+)", series)
    return found[1] if found else ""


def grown(result: Result, share: float) -> Iterator[dict[str, str]]:
    """The series that went up for good, to at least that part of all of them; the most first."""
    total = sum(number(row, "last") for row in result.rows)
    rows = [
        row
        for row in result.rows
        if row.get("onset", "-") != "-"
        and number(row, "last") >= GREW * number(row, "min")
        and number(row, "last") >= share * total > 0
    ]
    yield from sorted(rows, key=lambda row: number(row, "min") - number(row, "last"))


def _grown(suspect: Suspect, host: str) -> Iterator[tuple[Result, dict[str, str]]]:
    """What grew on that host when the trouble began, the most first."""
    for result in suspect.turn.of("query_metrics", query=usage_query(host)):
        for row in grown(result, SHARE):
            if suspect.fits(moment(row["onset"]), NEAR_MIN, NEAR_MIN):
                yield result, row


def _rose(suspect: Suspect, row: dict[str, str]) -> bool:
    at = moment(row.get("onset", ""))
    is_up = number(row, "last") > number(row, "min")
    return at is not None and is_up and suspect.fits(at, NEAR_MIN, NEAR_MIN)
