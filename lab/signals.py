"""What an incident shows beside its topology: metrics, logs, monitors, alarms, changes, resources.

The format of `signals.toml` is described in `docs/incidents.md`. Most of what Datadog and AWS
show follows from the topology (`lab.story`); this file adds the rest and overrides.
"""

from typing import Annotated, Literal

from pydantic import Field

from lab.entry import Amount, Count, Entry, MinutesAgo, Name, Percent, Text

DAY_MINUTES = 1440
Aggregation = Literal["avg", "sum", "min", "max", "p50", "p95", "p99"]
LogLevel = Literal["debug", "info", "warn", "error"]


class _Changing(Entry):
    """Something that is on one level, then from `since` to `until` on another."""

    normal: Amount
    now: Amount
    since_minutes_ago: MinutesAgo | None = None
    """Default: when the trouble began."""
    until_minutes_ago: MinutesAgo = 0
    gradual: bool = False
    """From `since` to `until` it goes from one level to the other in a straight line."""
    steady: bool = False
    """Without noise: a limit, a count of tasks."""


class Metric(_Changing):
    """A Datadog metric; without an aggregation it is the same for each."""

    name: Name
    tags: dict[str, str] = Field(default_factory=dict)
    unit: str = ""
    aggregation: Aggregation | None = None


class CloudWatchMetric(_Changing):
    """A CloudWatch metric; the same for each statistic."""

    namespace: Name
    metric: Name
    dimensions: dict[str, str]
    unit: str = "None"


class Log(Entry):
    """Lines that a service writes; `{ms}`, `{n}`, `{id}`, `{ip}` differ from line to line."""

    service: str
    level: LogLevel
    message: Text
    per_min: Annotated[float, Field(gt=0, le=1_000_000)]
    since_minutes_ago: MinutesAgo = DAY_MINUTES
    until_minutes_ago: MinutesAgo = 0


class Monitor(Entry):
    """A Datadog monitor."""

    name: Name
    service: str
    query: Text
    status: Literal["Alert", "Warn", "No Data", "OK"]
    minutes_ago: MinutesAgo | None = None
    """When it last triggered."""


class Declared(Entry):
    """A Datadog incident that people declared."""

    title: Name
    severity: Literal["SEV-1", "SEV-2", "SEV-3", "SEV-4", "SEV-5", "UNKNOWN"]
    state: Literal["active", "stable", "resolved"]
    service: str
    minutes_ago: MinutesAgo


class Objective(Entry):
    """A Datadog SLO over the last 7 days."""

    name: Name
    service: str
    target_percent: Percent
    reached_percent: Percent


class Event(Entry):
    """A Datadog event; deployments have theirs without being named here."""

    title: Name
    text: str = ""
    source: Name
    service: str
    minutes_ago: MinutesAgo


class Trail(Entry):
    """A CloudTrail event of a call that changed something."""

    event_name: Name
    event_source: Name
    user: Name
    resource: Name
    resource_type: Name
    minutes_ago: MinutesAgo
    error_code: str = ""


class Alarm(Entry):
    """A CloudWatch alarm."""

    name: Name
    namespace: Name
    metric: Name
    dimensions: dict[str, str]
    statistic: Literal["Average", "Maximum", "Minimum", "Sum", "p95", "p99"] = "Average"
    threshold: Amount
    state: Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
    reason: Text
    minutes_ago: MinutesAgo
    """When it came to that state."""


class Happening(Entry):
    """Something that AWS tells about a resource."""

    minutes_ago: MinutesAgo
    message: Text


class Machine(Entry):
    """What EC2 says about a host, where it is not simply running and well."""

    name: str
    state: Literal["running", "stopping", "stopped"] = "running"
    status: Literal["ok", "impaired", "initializing"] = "ok"


class Tasks(Entry):
    """What ECS says about a service, where it does not simply run what it should."""

    name: str
    desired: Count
    running: Count
    pending: Count = 0
    event: tuple[Happening, ...] = ()


class Instance(Entry):
    """What RDS says about a database, where it is not simply available."""

    name: str
    status: Name = "available"
    event: tuple[Happening, ...] = ()


class Target(Entry):
    """One target behind a load balancer."""

    host: str
    state: Literal["healthy", "unhealthy", "draining", "initial"]
    reason: str = ""


class TargetGroup(Entry):
    """A target group of a load balancer."""

    name: Name
    service: str
    target: list[Target]


class Function(Entry):
    """A Lambda function."""

    name: Name
    service: str
    runtime: Name = "python3.13"
    memory_mb: Count = 256
    timeout_s: Count = 30
    state: Literal["Active", "Failed", "Inactive"] = "Active"
    reason: str = ""


class ScalingGroup(Entry):
    """An autoscaling group and what it did."""

    name: Name
    service: str
    desired: Count
    minimum: Count
    maximum: Count
    activity: tuple[Happening, ...] = ()


class Signals(Entry):
    """All of `signals.toml`; every list may be missing, and the file too."""

    began_minutes_ago: MinutesAgo = 30
    """When the trouble began: what follows from the topology changes then."""
    metric: tuple[Metric, ...] = ()
    cloudwatch: tuple[CloudWatchMetric, ...] = ()
    log: tuple[Log, ...] = ()
    monitor: tuple[Monitor, ...] = ()
    declared: tuple[Declared, ...] = ()
    objective: tuple[Objective, ...] = ()
    event: tuple[Event, ...] = ()
    trail: tuple[Trail, ...] = ()
    alarm: tuple[Alarm, ...] = ()
    machine: tuple[Machine, ...] = ()
    tasks: tuple[Tasks, ...] = ()
    instance: tuple[Instance, ...] = ()
    target_group: tuple[TargetGroup, ...] = ()
    function: tuple[Function, ...] = ()
    scaling_group: tuple[ScalingGroup, ...] = ()
