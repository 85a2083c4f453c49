"""Reads an incident folder: the question, the estate's topology, and the expected answer.

The format is described in `docs/incidents.md`. Times in a folder are minutes before now, so
that an incident is always fresh.
"""

import tomllib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from graph.state import QUESTION_LIMIT

INCIDENTS = Path(__file__).parent / "incidents"

_Model = TypeVar("_Model", bound=BaseModel)
_Fault = tuple[str, str]
"""A dotted key, and what is wrong there."""


class IncidentError(Exception):
    """An incident folder that cannot be read; the message names the file and the key."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


_Text = Annotated[str, AfterValidator(_not_blank)]
_Name = Annotated[_Text, Field(max_length=200)]
"""The tools take no longer name."""
_Percent = Annotated[float, Field(ge=0, le=100)]
_Amount = Annotated[float, Field(ge=0, le=1_000_000_000)]
_Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
_YEAR_MINUTES = 366 * 24 * 60


class Team(_Entry):
    """Who owns components."""

    name: _Name
    channel: str
    oncall: str


class _Blamable(_Entry):
    name: _Name


class Host(_Blamable):
    """A machine."""

    zone: str
    cpu_percent: _Percent
    memory_percent: _Percent


class Service(_Blamable):
    """Something that is called; `external` when it is not ours."""

    type: Literal["frontend", "gateway", "api", "worker", "queue", "cache", "external"]
    team: str
    criticality: Literal["low", "medium", "high", "critical"]
    language: str = ""
    version: str = ""
    hosts: list[str] = []


class Database(_Blamable):
    """A store, with its connections."""

    engine: str
    team: str
    criticality: Literal["low", "medium", "high", "critical"]
    host: str
    connections_in_use: _Count
    max_connections: _Count
    cpu_percent: _Percent


class Call(_Entry):
    """An edge: who calls whom, and how that goes."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    avg_latency_ms: _Amount
    p99_latency_ms: _Amount
    baseline_p99_latency_ms: _Amount
    requests_per_min: _Amount
    error_rate: float = Field(ge=0, le=1)
    connections: _Count | None = None


class Deployment(_Entry):
    """A change of a service."""

    id: _Name
    service: str
    version: str
    status: Literal["succeeded", "failed", "rolled_back", "in_progress"]
    deployed_by: str
    minutes_ago: float = Field(ge=0, le=_YEAR_MINUTES)
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


class Expected(_Entry):
    """What a right answer says; read by tests only, never by the stand-in."""

    root_cause: str
    explanation: str
    decoys: list[str] = []


class Head(_Entry):
    """What people see of the incident: its title, and the question that is asked."""

    title: _Text
    question: Annotated[_Text, Field(max_length=QUESTION_LIMIT)]


class Incident(Head):
    """One incident folder, read and checked."""

    name: str
    topology: Topology
    expected: Expected


def shipped() -> list[str]:
    """The names of the incidents in this repository, sorted."""
    return sorted(folder.name for folder in INCIDENTS.iterdir() if folder.is_dir())


def load(name_or_path: str) -> Incident:
    """The incident of that name, or of the folder at that path.

    Raises IncidentError when there is no such folder, or a file in it is missing or wrong.
    """
    known = name_or_path in shipped()
    folder = INCIDENTS / name_or_path if known else Path(name_or_path)
    try:
        # An empty path would be the current folder.
        there = name_or_path != "" and folder.is_dir()
    except OSError as error:
        raise IncidentError(f"{folder}: {error.strerror}") from error
    if not there:
        raise IncidentError(
            f"no incident {name_or_path!r}: give a folder, or one of {', '.join(shipped())}"
        )
    head = _read(folder / "incident.toml", Head)
    topology = _read(folder / "topology.toml", Topology)
    expected = _read(folder / "expected.toml", Expected)
    for key, problem in _not_blamable(expected, topology.blamable):
        raise IncidentError(f"{folder / 'expected.toml'}: {key}: {problem}")
    return Incident(
        name=folder.resolve().name,
        title=head.title,
        question=head.question,
        topology=topology,
        expected=expected,
    )


def _read(path: Path, model: type[_Model]) -> _Model:
    try:
        return model.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise IncidentError(f"{path} is missing") from error
    except OSError as error:
        raise IncidentError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise IncidentError(": ".join(filter(None, (str(path), key, message)))) from error
    except RecursionError as error:
        raise IncidentError(f"{path}: nested too deeply") from error
    except ValueError as error:
        # tomllib's own, UTF-8's, or Python's about a number of thousands of digits.
        raise IncidentError(f"{path}: {error}") from error


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


def _not_blamable(expected: Expected, known: frozenset[str]) -> Iterator[_Fault]:
    """Causes and decoys that are no part of the topology."""
    blamed = [("root_cause", expected.root_cause)]
    blamed += [(f"decoys.{position}", name) for position, name in enumerate(expected.decoys)]
    for key, name in blamed:
        if name not in known:
            yield key, f"no service, database or host is named {name!r}"
