"""One incident as both doubles tell it: what follows from the topology, and what was written.

A story is a pure function of the folder and of one moment, `now`: whoever asks twice for the
same time gets the same figures, and Datadog and AWS never contradict each other.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from lab.incident import Incident
from lab.signals import CloudWatchMetric, Event, Log, LogLevel, Metric, Trail
from lab.topology import Call, Database, Topology

NOISE = 0.04
SLOWER_THAN_BASELINE = 3.0
FAILING = 0.05
"""A call is degraded when its p99 or its error rate is at least that (docs/incidents.md)."""
USUAL_ERROR_RATE = 0.001
CLUSTER = "shop"
"""The ECS cluster of every estate."""


@dataclass(frozen=True)
class Line:
    """One log line."""

    at: datetime
    service: str
    host: str
    level: LogLevel
    message: str
    id: str


@dataclass(frozen=True)
class Story:
    """An incident, told from `now` on backwards."""

    incident: Incident
    now: datetime

    @property
    def topology(self) -> Topology:
        """Who is there, who calls whom."""
        return self.incident.topology

    def ago(self, minutes: float) -> datetime:
        """The moment that many minutes before now."""
        return self.now - timedelta(minutes=minutes)

    def level(self, entry: Metric | CloudWatchMetric, at: datetime) -> float:
        """The value of a metric at that moment, with a little noise that is always the same."""
        signals = self.incident.signals
        since = entry.since_minutes_ago
        start = self.ago(signals.began_minutes_ago if since is None else since)
        end = self.ago(entry.until_minutes_ago)
        value = entry.now if start <= at <= end else entry.normal
        if entry.gradual and start <= at <= end and start < end:
            value = entry.normal + (entry.now - entry.normal) * ((at - start) / (end - start))
        name = entry.name if isinstance(entry, Metric) else entry.metric
        noise = 0.0 if entry.steady else NOISE
        return value * (1 + noise * _wobble(f"{name} {at.timestamp() // 60}"))

    @cached_property
    def metrics(self) -> list[Metric]:
        """Datadog's metrics; a written one replaces one of the same name, tags, aggregation."""
        every = [*_derived_metrics(self.topology), *self.incident.signals.metric]
        return list(
            {(m.name, tuple(sorted(m.tags.items())), m.aggregation): m for m in every}.values()
        )

    @cached_property
    def cloudwatch(self) -> list[CloudWatchMetric]:
        """CloudWatch's metrics; a written one replaces one of the same name and dimensions."""
        every = [*_derived_cloudwatch(self.topology), *self.incident.signals.cloudwatch]
        return list(
            {
                (m.namespace, m.metric, tuple(sorted(m.dimensions.items()))): m for m in every
            }.values()
        )

    @cached_property
    def events(self) -> list[Event]:
        """Datadog's events: one a deployment, and the written ones."""
        return [
            *(
                Event(
                    title=f"Deployed {entry.service} {entry.version} ({entry.status})",
                    text=entry.change,
                    source="deployment",
                    service=entry.service,
                    minutes_ago=entry.minutes_ago,
                )
                for entry in self.topology.deployment
            ),
            *self.incident.signals.event,
        ]

    @cached_property
    def trail(self) -> list[Trail]:
        """CloudTrail's events: UpdateService for a deployment, and the written ones."""
        return [
            *(
                Trail(
                    event_name="UpdateService",
                    event_source="ecs.amazonaws.com",
                    user=entry.deployed_by,
                    resource=entry.service,
                    resource_type="AWS::ECS::Service",
                    minutes_ago=entry.minutes_ago,
                )
                for entry in self.topology.deployment
            ),
            *self.incident.signals.trail,
        ]

    def lines(self, start: datetime, end: datetime) -> Iterator[Line]:
        """The log lines of that time, one kind after the other, oldest first in each kind."""
        for log in self.incident.signals.log:
            for index in self.indexes(log, start, end):
                yield self.line(log, index)

    def indexes(self, log: Log, start: datetime, end: datetime) -> range:
        """The numbers of that kind's lines from start to before end, for `line`, oldest first.

        Its length is their count; windows that touch share no line.
        """
        first = max(start, self.ago(log.since_minutes_ago))
        last = max(first, min(end, self.ago(log.until_minutes_ago)))
        every_s, offset_s = _pace(log)
        return range(
            math.ceil((first.timestamp() - offset_s) / every_s),
            math.ceil((last.timestamp() - offset_s) / every_s),
        )

    def line(self, log: Log, index: int) -> Line:
        """The line of that kind with that number."""
        every_s, offset_s = _pace(log)
        at = datetime.fromtimestamp(index * every_s + offset_s, self.now.tzinfo)
        seed = _seed(log, index)
        number = int(seed[:8], 16)
        message = log.message
        for hole, value in (
            ("{ms}", str(1000 + number % 2000)),
            ("{n}", str(1 + number % 97)),
            ("{id}", seed[8:20]),
            ("{ip}", f"10.0.{number % 16}.{number % 251}"),
        ):
            message = message.replace(hole, value)
        return Line(at, log.service, self.host(log, index), log.level, message, seed[:24])

    def host(self, log: Log, index: int) -> str:
        """Where that line was written; empty where no host is known."""
        hosts = self.hosts(log.service)
        if len(hosts) < 2:
            return hosts[0] if hosts else ""
        return hosts[int(_seed(log, index)[:8], 16) % len(hosts)]

    def hosts(self, service: str) -> tuple[str, ...]:
        """Where that component runs; empty for what is not there or not ours."""
        return self._hosts.get(service, ())

    @cached_property
    def _hosts(self) -> dict[str, tuple[str, ...]]:
        return {
            **{entry.name: (entry.name,) for entry in self.topology.host},
            **{entry.name: (entry.host,) for entry in self.topology.database},
            **{entry.name: entry.hosts for entry in self.topology.service},
        }


def instance_id(host: str) -> str:
    """What EC2 calls that host."""
    return f"i-{hashlib.sha256(host.encode()).hexdigest()[:17]}"


def usual_error_rate(call: Call) -> float:
    """The part of a call that failed before the trouble: as now where it is not degraded.

    A few errors at a normal latency have always been there, such as declined cards.
    """
    is_slow = call.p99_latency_ms >= SLOWER_THAN_BASELINE * call.baseline_p99_latency_ms
    if is_slow or call.error_rate >= FAILING:
        return min(call.error_rate, USUAL_ERROR_RATE)
    return call.error_rate


def _pace(log: Log) -> tuple[float, float]:
    """Seconds from line to line, and those before the first one after the epoch."""
    every_s = 60 / log.per_min
    return every_s, every_s * (0.5 + _wobble(log.message) / 2)


def _seed(log: Log, index: int) -> str:
    return hashlib.sha256(f"{log.service} {log.message} {index}".encode()).hexdigest()


def _wobble(seed: str) -> float:
    """A number from -1 to 1 that is always the same for that seed."""
    return int(hashlib.sha256(seed.encode()).hexdigest()[:8], 16) / 0x7FFFFFFF - 1


def _derived_metrics(topology: Topology) -> Iterator[Metric]:
    for name, calls in _callers(topology).items():
        yield from _request_metrics(name, calls)
    for host in topology.host:
        for metric, value in (
            ("system.cpu.user", host.cpu_percent),
            ("system.mem.used_percent", host.memory_percent),
        ):
            yield Metric(
                name=metric, tags={"host": host.name}, unit="percent", normal=value, now=value
            )
    for database in topology.database:
        for metric, count, steady in (
            ("connections", database.connections_in_use, False),
            ("max_connections", database.max_connections, True),
        ):
            yield Metric(
                name=f"{database.engine}.{metric}",
                tags={"database": database.name, "host": database.host},
                unit="connection",
                normal=count,
                now=count,
                steady=steady,
            )


def _request_metrics(name: str, calls: list[Call]) -> Iterator[Metric]:
    """What the callers of a component see, as traces of it show."""
    per_min = sum(call.requests_per_min for call in calls)
    p99 = _p99([(call.p99_latency_ms, call.requests_per_min) for call in calls])
    usual = _p99([(call.baseline_p99_latency_ms, call.requests_per_min) for call in calls])
    average = sum(call.avg_latency_ms * call.requests_per_min for call in calls) / (per_min or 1)
    failing = sum(call.error_rate * call.requests_per_min for call in calls)
    usually = sum(usual_error_rate(call) * call.requests_per_min for call in calls)
    part = min(1.0, usual / p99) if p99 else 1.0
    for metric, aggregation, unit, normal, now in (
        ("trace.http.request", "p99", "millisecond", usual, p99),
        ("trace.http.request", "avg", "millisecond", average * part, average),
        ("trace.http.request.hits", None, "request/min", per_min, per_min),
        ("trace.http.request.errors", None, "request/min", usually, failing),
    ):
        told = {"name": metric, "tags": {"service": name}, "aggregation": aggregation}
        yield Metric.model_validate({**told, "unit": unit, "normal": normal, "now": now})


def _p99(calls: list[tuple[float, float]]) -> float:
    """The p99 of all calls; callers with less than a hundredth of them do not move it."""
    rest = sum(rate for _, rate in calls) / 100
    for p99, rate in sorted(calls, reverse=True):
        rest -= rate
        if rest < 0:
            return p99
    return max(calls)[0]


def _derived_cloudwatch(topology: Topology) -> Iterator[CloudWatchMetric]:
    for host in topology.host:
        yield CloudWatchMetric(
            namespace="AWS/EC2",
            metric="CPUUtilization",
            dimensions={"InstanceId": instance_id(host.name)},
            unit="Percent",
            normal=host.cpu_percent,
            now=host.cpu_percent,
        )
    for database in topology.database:
        yield from _database_metrics(database)


def _database_metrics(database: Database) -> Iterator[CloudWatchMetric]:
    for metric, unit, value in (
        ("CPUUtilization", "Percent", database.cpu_percent),
        ("DatabaseConnections", "Count", database.connections_in_use),
    ):
        yield CloudWatchMetric(
            namespace="AWS/RDS",
            metric=metric,
            dimensions={"DBInstanceIdentifier": database.name},
            unit=unit,
            normal=value,
            now=value,
        )


def _callers(topology: Topology) -> dict[str, list[Call]]:
    callers: dict[str, list[Call]] = {}
    for call in topology.call:
        callers.setdefault(call.target, []).append(call)
    return callers
