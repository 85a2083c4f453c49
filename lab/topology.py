"""The topology of an incident: who is there, who calls whom, what was deployed.

The format of `topology.toml` is described in `docs/incidents.md`.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from lab.entry import Amount, Count, Entry, MinutesAgo, Name, Percent

_Fault = tuple[str, str]
"""A dotted key, and what is wrong there."""


class Team(Entry):
    """Who owns components."""

    name: Name
    channel: str
    oncall: str


class _Blamable(Entry):
    name: Name


class Host(_Blamable):
    """A machine."""

    zone: str
    cpu_percent: Percent
    memory_percent: Percent


class Service(_Blamable):
    """Something that is called; `external` when it is not ours."""

    type: Literal["frontend", "gateway", "api", "worker", "queue", "cache", "external"]
    team: str
    criticality: Literal["low", "medium", "high", "critical"]
    language: str = ""
    version: str = ""
    hosts: tuple[str, ...] = ()


class Database(_Blamable):
    """A store, with its connections."""

    engine: str
    team: str
    criticality: Literal["low", "medium", "high", "critical"]
    host: str
    connections_in_use: Count
    max_connections: Count
    cpu_percent: Percent


class Call(Entry):
    """An edge: who calls whom, and how that goes."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    avg_latency_ms: Amount
    p99_latency_ms: Amount
    baseline_p99_latency_ms: Amount
    requests_per_min: Amount
    error_rate: float = Field(ge=0, le=1)
    connections: Count | None = None


class Deployment(Entry):
    """A change of a service."""

    id: Name
    service: str
    version: str
    status: Literal["succeeded", "failed", "rolled_back", "in_progress"]
    deployed_by: str
    minutes_ago: MinutesAgo
    change: str = ""


class Topology(Entry):
    """The estate as it is while the incident lasts."""

    team: list[Team]
    host: list[Host]
    service: list[Service]
    database: list[Database]
    call: list[Call]
    deployment: tuple[Deployment, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique_and_resolve(self) -> Self:
        for key, problem in (*_duplicates(self), *_dangling(self)):
            raise ValueError(f"{key}: {problem}")
        return self

    @property
    def blamable(self) -> frozenset[str]:
        """The names of all services, databases and hosts."""
        entries: list[_Blamable] = [*self.service, *self.database, *self.host]
        return frozenset(entry.name for entry in entries)

    def deployed_at(self, deployment: Deployment, now: datetime) -> str:
        """The deployment's time as ISO 8601 with a `Z`, counted back from `now`."""
        moment = now - timedelta(minutes=deployment.minutes_ago)
        return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _duplicates(topology: Topology) -> Iterator[_Fault]:
    """Names that stand for two things; a team may be called like a service."""
    taken: dict[str, str] = {}
    kinds: list[tuple[str, Sequence[_Blamable]]] = [
        ("service", topology.service),
        ("database", topology.database),
        ("host", topology.host),
    ]
    for kind, entries in kinds:
        for position, entry in enumerate(entries):
            if entry.name in taken:
                yield (
                    f"{kind}.{position}.name",
                    f"{entry.name!r} is already the name of a {taken[entry.name]}",
                )
            taken[entry.name] = kind
    for key, values in (
        ("team.{}.name", [entry.name for entry in topology.team]),
        ("deployment.{}.id", [entry.id for entry in topology.deployment]),
    ):
        for position, value in enumerate(values):
            if value in values[:position]:
                yield key.format(position), f"{value!r} is used twice"


def _dangling(topology: Topology) -> Iterator[_Fault]:
    """References to what is not defined."""
    teams = {entry.name for entry in topology.team}
    hosts = {entry.name for entry in topology.host}
    services = {entry.name for entry in topology.service}
    components = services | {entry.name for entry in topology.database}
    references: list[tuple[str, str, str, set[str]]] = []
    for position, service in enumerate(topology.service):
        references.append((f"service.{position}.team", service.team, "team", teams))
        for place, host in enumerate(service.hosts):
            references.append((f"service.{position}.hosts.{place}", host, "host", hosts))
    for position, database in enumerate(topology.database):
        references.append((f"database.{position}.team", database.team, "team", teams))
        references.append((f"database.{position}.host", database.host, "host", hosts))
    for position, call in enumerate(topology.call):
        references.append((f"call.{position}.from", call.source, "service", services))
        references.append((f"call.{position}.to", call.target, "service or database", components))
    for position, entry in enumerate(topology.deployment):
        references.append((f"deployment.{position}.service", entry.service, "service", services))
    for key, name, kind, known in references:
        if name not in known:
            yield key, f"no {kind} is named {name!r}"
