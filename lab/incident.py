"""Reads an incident folder: the question, topology and signals, and the expected answer.

The format is described in `docs/incidents.md`. Times in a folder are minutes before now, so
that an incident is always fresh.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, ValidationError

from graph.question import QUESTION_LIMIT
from lab.changes import changed
from lab.entry import Entry, Text
from lab.signals import Signals
from lab.topology import Topology

INCIDENTS = Path(__file__).parent / "incidents"
RECURRENCES = Path(__file__).parent / "recurrences"
"""For each shipped incident one of the same question and alert with another cause."""

_Model = TypeVar("_Model", bound=BaseModel)
_Fault = tuple[str, str]
"""A dotted key, and what is wrong there."""


class IncidentError(Exception):
    """An incident folder that cannot be read; the message names the file and the key."""


class Expected(Entry):
    """What a right answer says; read by tests only, never by the stand-in."""

    root_cause: str
    """Empty when nothing is wrong."""
    explanation: str
    decoys: tuple[str, ...] = ()


class Head(Entry):
    """What people see of the incident: its title, and the question that is asked."""

    title: Text
    question: Annotated[Text, Field(max_length=QUESTION_LIMIT)]
    like: str = ""
    """The shipped incident whose folder this one changes; empty when it stands for itself."""


class Incident(Head):
    """One incident folder, read and checked."""

    name: str
    topology: Topology
    signals: Signals
    expected: Expected


def shipped() -> list[str]:
    """The names of the incidents in this repository, sorted."""
    return sorted(folder.name for folder in INCIDENTS.iterdir() if folder.is_dir())


def recurrence(name: str) -> Incident:
    """The same alert as in that shipped incident, with another cause. Raises IncidentError."""
    return load(str(RECURRENCES / name))


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
    base = _base(folder)
    head = _read(folder, "incident.toml", Head, base)
    topology = _read(folder, "topology.toml", Topology, base)
    written = folder / "signals.toml"
    told = folder if written.exists() else base
    signals = _read(told, "signals.toml", Signals, base) if told else Signals()
    for key, problem in _unknown(signals, topology):
        raise IncidentError(f"{written}: {key}: {problem}")
    expected = _read(folder, "expected.toml", Expected)
    for key, problem in _not_blamable(expected, topology.blamable):
        raise IncidentError(f"{folder / 'expected.toml'}: {key}: {problem}")
    return Incident(
        name=folder.resolve().name,
        title=head.title,
        question=head.question,
        like=head.like,
        topology=topology,
        signals=signals,
        expected=expected,
    )


def _base(folder: Path) -> Path | None:
    """The folder that this one changes; None when it stands for itself.

    What is wrong with the file itself is said when it is read.
    """
    try:
        like = tomllib.loads((folder / "incident.toml").read_text(encoding="utf-8")).get("like")
    except (OSError, ValueError, RecursionError):
        return None
    if like is not None and like not in shipped():
        known = ", ".join(shipped())
        raise IncidentError(f"{folder / 'incident.toml'}: like: no incident {like!r} in {known}")
    return INCIDENTS / like if like else None


def _read(folder: Path, name: str, model: type[_Model], base: Path | None = None) -> _Model:
    path = folder / name
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        if base:
            told = changed(tomllib.loads((base / name).read_text(encoding="utf-8")), told)
        return model.model_validate(told)
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


def _unknown(signals: Signals, topology: Topology) -> Iterator[_Fault]:
    """References of signals to what is no part of the topology."""
    kinds = {
        "machine": {entry.name for entry in topology.host},
        "tasks": {entry.name for entry in topology.service},
        "instance": {entry.name for entry in topology.database},
    }
    for field, value in signals:
        for position, entry in enumerate(value if isinstance(value, tuple) else ()):
            known = kinds.get(field, topology.blamable)
            name = entry.name if field in kinds else getattr(entry, "service", None)
            if name is not None and name not in known:
                key = "name" if field in kinds else "service"
                yield f"{field}.{position}.{key}", f"no such component is named {name!r}"


def _not_blamable(expected: Expected, known: frozenset[str]) -> Iterator[_Fault]:
    """Causes and decoys that are no part of the topology."""
    blamed = [("root_cause", expected.root_cause)] if expected.root_cause else []
    blamed += [(f"decoys.{position}", name) for position, name in enumerate(expected.decoys)]
    for key, name in blamed:
        if name not in known:
            yield key, f"no service, database or host is named {name!r}"
