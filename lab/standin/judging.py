"""How the stand-in judges: which edges suffer, where the trail ends, what that means."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from lab.standin.reading import Result, TurnSoFar

SLOWER_THAN_BASELINE = 3.0
FAILING = 0.05
POOL_FULL = 0.95


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

    @property
    def degraded(self) -> bool:
        """Whether it is far above its own baseline, or fails often."""
        slow = self.baseline_ms > 0 and self.p99_ms >= SLOWER_THAN_BASELINE * self.baseline_ms
        return slow or self.error_rate >= FAILING

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


@dataclass
class Verdict:
    """What goes into the report."""

    summary: str
    component: str = ""
    explanation: str = ""
    confidence: str = "low"
    evidence: list[tuple[str, str]] = field(default_factory=list)
    ruled_out: list[tuple[str, str]] = field(default_factory=list)
    blast_radius: list[str] = field(default_factory=list)
    actions: list[tuple[str, str]] = field(default_factory=list)
    open_questions: list[str] = field(default_factory=list)


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


def judge(turn: TurnSoFar, trail: Trail) -> Verdict:
    """The verdict on the most telling end of the trail; none when nothing is degraded."""
    unknown = not_known(turn)
    if not trail.ends:
        return _nothing_found(turn, trail, unknown)
    candidates = [_weigh(turn, trail, name) for name in trail.ends]
    _, verdict = max(candidates, key=lambda weighed: weighed[0])
    path = sorted(trail.degraded, key=lambda edge: edge.evidence)
    verdict.summary = (
        f"{trail.subject} suffers from {verdict.component}, which it reaches by degraded calls."
        if verdict.component != trail.subject
        else f"{trail.subject} is slow by itself: its callers suffer, what it calls does not."
    )
    verdict.evidence += [(edge.evidence, str(edge)) for edge in path]
    verdict.ruled_out = list(_ruled_out(turn, trail, verdict.component))
    verdict.open_questions = unknown
    for result in turn.of("find_blast_radius", name=verdict.component):
        verdict.blast_radius = [row["name"] for row in result.rows]
        if result.status == "ok":
            depend = f"{len(verdict.blast_radius)} components depend on {verdict.component}"
            verdict.evidence.append((result.evidence, depend))
    return verdict


def not_known(turn: TurnSoFar) -> list[str]:
    """What the failed calls leave open, one sentence for each tool."""
    names = dict.fromkeys(result.name for result in turn.failed)
    return [f"{name} failed: what it would show is not known" for name in names]


def _nothing_found(turn: TurnSoFar, trail: Trail, unknown: list[str]) -> Verdict:
    looks = turn.of("get_topology")
    shows = {
        "ok": f"no call from or to {trail.subject} is degraded",
        "no_data": f"no call from or to {trail.subject} is known",
    }
    if any(result.unread for result in looks):
        summary = f"No cause was found for {trail.subject}: the topology could not be read."
    elif not trail.edges:
        summary = f"No cause was found for {trail.subject}: no call from or to it is known."
    else:
        summary = (
            f"Nothing around {trail.subject} is degraded: every call it makes or gets is near "
            "its own baseline."
        )
    return Verdict(
        summary=summary,
        confidence="medium" if trail.edges and not unknown else "low",
        evidence=[
            *((result.evidence, f"{result.name} failed") for result in turn.failed),
            *((result.evidence, shows[result.status]) for result in looks if not result.unread),
        ],
        open_questions=unknown or ["Is the symptom still there, and where was it seen?"],
    )


def _weigh(turn: TurnSoFar, trail: Trail, name: str) -> tuple[float, Verdict]:
    """How telling this end is, and what would be said about it."""
    into = [edge for edge in trail.degraded if edge.target == name]
    suffering = max((edge.p99_ms / max(edge.baseline_ms, 1) for edge in into), default=0.0)
    facts = turn.of("get_component", name=name)
    properties = {row["property"]: row["value"] for r in facts for row in reversed(r.rows)}
    evidence = facts[0].evidence if facts else ""
    in_use = _number(properties, "connections_in_use")
    maximum = _number(properties, "max_connections")
    if maximum and in_use / maximum >= POOL_FULL:
        return 300 + suffering, _pool_is_full(trail, name, f"{in_use:g} of {maximum:g}", evidence)
    if deployment := _deployment_of(turn, name):
        return 200 + suffering, _was_deployed(name, *deployment)
    if properties.get("type") == "external":
        return 100 + suffering, _is_external(name, evidence)
    explanation = f"Its callers wait for {name}; why {name} is slow is not visible from here."
    return suffering, Verdict("", component=name, explanation=explanation, confidence="medium")


def _pool_is_full(trail: Trail, name: str, in_use: str, evidence: str) -> Verdict:
    users = (edge for edge in trail.edges if edge.target == name)
    holder = max(users, key=lambda edge: edge.connections)
    return Verdict(
        summary="",
        component=name,
        explanation=(
            f"All connections of {name} are taken ({in_use}); "
            f"{holder.source} holds the most ({holder.connections:g}). Others wait for one."
        ),
        confidence="high",
        evidence=[(evidence, f"{in_use} connections in use")],
        actions=[
            (f"Make {holder.source} give connections back, or stop it", ""),
            (f"Cap the pool of {holder.source} below what {name} can spare", ""),
        ],
    )


def _was_deployed(name: str, result: Result, row: dict[str, str]) -> Verdict:
    change = f" ({row['change']})" if row.get("change", "-") != "-" else ""
    before = _version_before(result, row)
    return Verdict(
        summary="",
        component=name,
        explanation=(
            f"{name} {row['version']} was deployed at {row['deployed_at']} by "
            f"{row['deployed_by']}{change}; since then its callers wait for it, while what "
            "it calls answers as always."
        ),
        confidence="high",
        evidence=[(result.evidence, f"deployment {row['id']} at {row['deployed_at']}")],
        actions=[(f"Roll {name} back from {row['version']}" + (before and f" to {before}"), "")],
    )


def _is_external(name: str, evidence: str) -> Verdict:
    return Verdict(
        summary="",
        component=name,
        explanation=f"{name} is a third party and answers slowly or with errors.",
        confidence="high",
        evidence=[(evidence, f"{name} is of type external")],
        actions=[
            (f"Check the status page of {name} and open a ticket with them", ""),
            (f"Let the callers of {name} fail fast, or switch to another provider", ""),
        ],
    )


def _ruled_out(turn: TurnSoFar, trail: Trail, cause: str) -> Iterator[tuple[str, str]]:
    """Recently deployed components that the symptom does not run through, and other steps."""
    on_trail = {edge.source for edge in trail.degraded} | {edge.target for edge in trail.degraded}
    for result in turn.of("list_recent_deployments"):
        for name in dict.fromkeys(row["service"] for row in result.rows):
            if name == cause:
                continue
            if name not in on_trail:
                yield (
                    name,
                    f"deployed recently, but not on the path of the symptom ({result.evidence})",
                )
            else:
                yield (
                    name,
                    f"deployed recently, but it suffers from what it calls ({result.evidence})",
                )


def _deployment_of(turn: TurnSoFar, name: str) -> tuple[Result, dict[str, str]] | None:
    """The latest deployment of that component that went live."""
    for result in turn.of("list_recent_deployments"):
        for row in result.rows:
            if row["service"] == name and row["status"] in ("succeeded", "in_progress"):
                return result, row
    return None


def _version_before(result: Result, deployment: dict[str, str]) -> str:
    """The version that went live before that deployment; empty when the result shows none."""
    rows = result.rows
    for row in rows[rows.index(deployment) + 1 :]:
        went_live = row["service"] == deployment["service"] and row["status"] == "succeeded"
        if went_live and row["version"] not in ("-", deployment["version"]):
            return row["version"]
    return ""


def _edges(turn: TurnSoFar) -> Iterator[Edge]:
    for result in turn.of("get_topology"):
        for row in result.rows:
            yield Edge(
                source=row["from"],
                target=row["to"],
                p99_ms=_number(row, "p99_latency_ms"),
                baseline_ms=_number(row, "baseline_p99_latency_ms"),
                error_rate=_number(row, "error_rate"),
                connections=_number(row, "connections"),
                evidence=result.evidence,
            )


def _number(row: dict[str, str], column: str) -> float:
    try:
        return float(row.get(column, ""))
    except ValueError:
        return 0.0
