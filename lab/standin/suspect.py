"""One component that may be to blame, with what the results tell about it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from lab.standin.moments import Moment, began
from lab.standin.reading import Result, TurnSoFar, number
from lab.standin.trail import Edge, Trail

BUSY_PERCENT = 90
_PLANNED = re.compile(
    r"\b(?:planned|scheduled) (?:\w+ )?(?:maintenance|work|upgrade|downtime)\b|maintenance window",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Suspect:
    """A component, seen in this turn and on this trail."""

    turn: TurnSoFar
    trail: Trail
    name: str

    @property
    def is_end(self) -> bool:
        """Whether the degraded calls end here."""
        return self.name in self.trail.ends

    @property
    def users(self) -> list[Edge]:
        """All calls that arrive here, degraded or not."""
        return [edge for edge in self.trail.edges if edge.target == self.name]

    @property
    def suffering(self) -> list[Edge]:
        """Those of them that are degraded."""
        return [edge for edge in self.users if edge.degraded]

    @property
    def began(self) -> Moment | None:
        """When the trouble with it began, if that is known."""
        return began(self.turn, self.trail, self.name)

    @property
    def _told(self) -> tuple[dict[tuple[str, str], str], str]:
        for result in self.turn.of("get_component", name=self.name):
            if result.status == "ok":
                rows = reversed(result.rows)
                facts = {(row["of"], row["property"]): row["value"] for row in rows}
                return facts, result.evidence
        return {}, ""

    @property
    def evidence(self) -> str:
        """The evidence id of its facts; empty when there are none."""
        return self._told[1]

    def fact(self, property_: str) -> str:
        """That property of it; empty when it has none."""
        return self._told[0].get(("component", property_), "")

    def amount(self, property_: str) -> float:
        """That property of it as a number; 0 when it has none."""
        return number({"n": self.fact(property_)}, "n")

    @property
    def hosts(self) -> list[str]:
        """The hosts that it runs on."""
        return [
            row["value"]
            for result in self.turn.of("get_component", name=self.name)
            for row in result.rows
            if (row["of"], row["property"]) == ("host", "name")
        ]

    @property
    def busy_hosts(self) -> list[tuple["Suspect", float]]:
        """Those of its hosts whose processors are busy, and how much in percent."""
        hosts = [Suspect(self.turn, self.trail, host) for host in self.hosts]
        usage = [(host, host.amount("cpu_percent")) for host in hosts]
        return [(host, cpu) for host, cpu in usage if cpu >= BUSY_PERCENT]

    def fits(self, at: datetime | None, before_min: float, after_min: float) -> bool:
        """Whether that moment is so close to when it began; yes when that is not known."""
        start = self.began
        if at is None or start is None:
            return True
        lag = (start.at - at).total_seconds() / 60
        return -after_min <= lag <= before_min

    def maintenance(self) -> Iterator[tuple[Result, dict[str, str]]]:
        """Work on it or on its hosts that was announced."""
        about = {self.name, *self.hosts}
        for result in self.turn.of("list_changes"):
            for row in result.rows:
                if row["component"] in about and _PLANNED.search(row["detail"]):
                    yield result, row
