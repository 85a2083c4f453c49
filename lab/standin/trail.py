"""How the stand-in follows the suffering: which calls are degraded, and where that ends."""

from collections.abc import Iterator
from dataclasses import dataclass

from lab.standin.reading import TurnSoFar, number

SLOWER_THAN_BASELINE = 3.0
FAILING = 0.05


@dataclass(frozen=True)
class Edge:
    """One call between components, as the topology tool showed it."""

    source: str
    target: str
    p99_ms: float
    baseline_ms: float
    error_rate: float
    connections: float
    evidence: str
    avg_ms: float = 0.0
    per_min: float = 0.0

    @property
    def degraded(self) -> bool:
        """Whether it is far above its own baseline, or fails often."""
        return self.slow or self.failing

    @property
    def slow(self) -> bool:
        """Whether it takes far longer than on a normal day."""
        return self.baseline_ms > 0 and self.p99_ms >= SLOWER_THAN_BASELINE * self.baseline_ms

    @property
    def failing(self) -> bool:
        """Whether it fails often."""
        return self.error_rate >= FAILING

    def __str__(self) -> str:
        return (
            f"{self.source} to {self.target}: p99 {self.p99_ms:g} ms against a baseline of "
            f"{self.baseline_ms:g} ms, {self.error_rate:.1%} errors"
        )


@dataclass(frozen=True)
class Trail:
    """The degraded edges reached from the component with the symptom, and where they end."""

    subject: str
    edges: list[Edge]
    degraded: list[Edge]
    ends: list[str]

    @property
    def neighbours(self) -> list[str]:
        """Who calls the subject, then whom it calls."""
        callers = [edge.source for edge in self.edges if edge.target == self.subject]
        called = [edge.target for edge in self.edges if edge.source == self.subject]
        return list(dict.fromkeys([*callers, *called]))

    def into(self, name: str) -> list[Edge]:
        """The degraded edges that arrive there."""
        return [edge for edge in self.degraded if edge.target == name]


def follow(turn: TurnSoFar, subject: str) -> Trail:
    """Walk the degraded edges down from the subject; the ends suffer from nothing they call."""
    edges = list({(e.source, e.target): e for e in _edges(turn)}.values())
    reached, frontier, degraded = {subject}, [subject], []
    while frontier:
        source = frontier.pop(0)
        for edge in edges:
            if edge.source == source and edge.degraded and edge not in degraded:
                degraded.append(edge)
                if edge.target not in reached:
                    reached.add(edge.target)
                    frontier.append(edge.target)
    sources = {edge.source for edge in degraded}
    ends = list(dict.fromkeys(e.target for e in degraded if e.target not in sources))
    suffered = [edge for edge in edges if edge.target == subject and edge.degraded]
    if not degraded and suffered:
        return Trail(subject, edges, suffered, [subject])
    return Trail(subject, edges, degraded, ends)


def _edges(turn: TurnSoFar) -> Iterator[Edge]:
    for result in turn.of("get_topology"):
        for row in result.rows:
            yield Edge(
                source=row["from"],
                target=row["to"],
                p99_ms=number(row, "p99_latency_ms"),
                baseline_ms=number(row, "baseline_p99_latency_ms"),
                error_rate=number(row, "error_rate"),
                connections=number(row, "connections"),
                evidence=result.evidence,
                avg_ms=number(row, "avg_latency_ms"),
                per_min=number(row, "requests_per_min"),
            )
