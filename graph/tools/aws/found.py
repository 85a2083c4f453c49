"""What one part of AWS tells about a name: its resources, events, and what is not known."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from graph.tools.aws.refusal import AwsRefused
from graph.tools.changes import CUT
from graph.tools.window import Window, iso

RESOURCE_COLUMNS = ("kind", "name", "state", "detail")
EVENT_COLUMNS = ("at", "about", "message")
TAG_KEYS = ("Service", "service")
"""Keys of the tag whose value is the name of the service."""
EVENTS_EACH = 10
"""Newest events of one resource."""
T = TypeVar("T")


@dataclass
class Found:
    """Rows of RESOURCE_COLUMNS and `healthy`, rows of EVENT_COLUMNS, and what failed."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    unknown: dict[str, str] = field(default_factory=dict)
    """What was asked for in vain, with AWS's words."""
    left: list[str] = field(default_factory=list)
    """What was not looked at because it is too much."""
    target_groups: list[str] = field(default_factory=list)
    """ARNs of target groups that what was found stands behind."""
    scaling_groups: list[str] = field(default_factory=list)
    """Names of autoscaling groups that what was found belongs to."""

    def resource(self, kind: str, name: str, state: str, detail: str, healthy: bool) -> None:
        """Add a resource."""
        self.rows.append(
            {"kind": kind, "name": name, "state": state, "detail": detail, "healthy": healthy}
        )

    def event(self, at: datetime | None, about: str, message: str | None) -> None:
        """Add something that happened."""
        self.events.append(
            {"at": iso(at) if at else None, "about": about, "message": message or ""}
        )

    async def ask(self, what: str, answer: Awaitable[T], missing: T) -> T:
        """The answer, or `missing`, and then it is among what is not known."""
        try:
            return await answer
        except AwsRefused as refused:
            self.unknown[what] = str(refused)
            return missing

    def take(self, other: "Found") -> None:
        """Add all that another part found."""
        self.rows += other.rows
        self.events += other.events
        self.unknown |= other.unknown
        self.left += other.left
        self.target_groups += other.target_groups
        self.scaling_groups += other.scaling_groups


def cut_off(window: Window, words: str) -> dict[str, Any]:
    """A row of changes that says that there are others which were not read."""
    return {"at": iso(window.start), "component": "", "kind": CUT, "detail": words}


def joined(*parts: str | None) -> str:
    """The parts that are there, by semicolons."""
    return "; ".join(part for part in parts if part)


def named(arns: list[str], prefix: str) -> list[str]:
    """What follows `prefix` in those ARNs whose resource begins with it, such as `db:`."""
    resources = (arn.split(":", 5)[-1] for arn in arns)
    return [resource.removeprefix(prefix) for resource in resources if resource.startswith(prefix)]
