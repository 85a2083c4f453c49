"""Reads an incident folder: the question, the estate's topology, and the expected answer.

The format is described in `docs/incidents.md`. Times in a folder are minutes before now, so
that an incident is always fresh.
"""

import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

INCIDENTS = Path(__file__).parent / "incidents"


class IncidentError(Exception):
    """An incident folder that cannot be read; the message names the file and the key."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Team(_Entry):
    """Who owns components."""

    name: str
    channel: str
    oncall: str


class Host(_Entry):
    """A machine."""

    name: str
    zone: str
    cpu_percent: float
    memory_percent: float


class Service(_Entry):
    """Something that is called; `external` when it is not ours."""

    name: str
    type: Literal["frontend", "gateway", "api", "worker", "queue", "cache", "external"]
    team: str
    criticality: Literal["low", "medium", "high", "critical"]
    language: str = ""
    version: str = ""
    hosts: list[str] = []


class Database(_Entry):
    """A store, with its connections."""

    name: str
    engine: str
    team: str
    criticality: Literal["low", "medium", "high", "critical"]
    host: str
    connections_in_use: int
    max_connections: int
    cpu_percent: float


class Call(_Entry):
    """An edge: who calls whom, and how that goes."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    avg_latency_ms: float
    p99_latency_ms: float
    baseline_p99_latency_ms: float
    requests_per_min: float
    error_rate: float = Field(ge=0, le=1)
    connections: int | None = None


class Deployment(_Entry):
    """A change of a service."""

    id: str
    service: str
    version: str
    status: Literal["succeeded", "failed", "rolled_back", "in_progress"]
    deployed_by: str
    minutes_ago: float
    change: str = ""


class Topology(_Entry):
    """The estate as it is while the incident lasts."""

    team: list[Team]
    host: list[Host]
    service: list[Service]
    database: list[Database]
    call: list[Call]
    deployment: list[Deployment] = []

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        teams = {team.name for team in self.team}
        hosts = {host.name for host in self.host}
        services = {service.name for service in self.service}
        databases = {database.name for database in self.database}
        if clash := services & databases:
            raise ValueError(f"used for a service and a database: {sorted(clash)}")
        owned: list[Service | Database] = [*self.service, *self.database]
        used_hosts = {database.host for database in self.database}
        for service in self.service:
            used_hosts |= set(service.hosts)
        references = [
            ("team", {entry.team for entry in owned} - teams),
            ("host", used_hosts - hosts),
            ("call.from", {call.source for call in self.call} - services),
            ("call.to", {call.target for call in self.call} - services - databases),
            ("deployment.service", {entry.service for entry in self.deployment} - services),
        ]
        for key, unknown in references:
            if unknown:
                raise ValueError(f"{key} names what is not defined: {sorted(unknown)}")
        return self

    def deployed_at(self, deployment: Deployment, now: datetime) -> str:
        """The deployment's time as ISO 8601 with a `Z`, counted back from `now`."""
        moment = now - timedelta(minutes=deployment.minutes_ago)
        return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


class Expected(_Entry):
    """What a right answer says; read by tests only, never by the stand-in."""

    root_cause: str
    explanation: str
    decoys: list[str] = []


class Incident(_Entry):
    """One incident folder, read and checked."""

    name: str
    title: str
    question: str
    topology: Topology
    expected: Expected


def shipped() -> list[str]:
    """The names of the incidents in this repository, sorted."""
    return sorted(folder.name for folder in INCIDENTS.iterdir() if folder.is_dir())


def load(name_or_path: str) -> Incident:
    """The incident of that name, or of the folder at that path.

    Raises IncidentError when there is no such folder, or a file in it is missing or wrong.
    """
    folder = INCIDENTS / name_or_path
    if not folder.is_dir():
        folder = Path(name_or_path)
    if not folder.is_dir():
        raise IncidentError(
            f"no incident {name_or_path!r}: give a folder, or one of {', '.join(shipped())}"
        )
    head = _read(folder / "incident.toml")
    document = {
        **head,
        "name": folder.resolve().name,
        "topology": _read(folder / "topology.toml"),
        "expected": _read(folder / "expected.toml"),
    }
    try:
        return Incident.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise IncidentError(f"{folder}: {where}: {first['msg']}") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise IncidentError(f"{path} is missing") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise IncidentError(f"{path}: {error}") from error
