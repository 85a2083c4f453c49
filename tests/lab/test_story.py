"""A story: what follows from a topology, what was written, and that the shipped ones agree."""

from datetime import UTC, datetime

import pytest

from lab.incident import RECURRENCES, load, shipped
from lab.signals import Alarm, CloudWatchMetric, Log, Metric, Signals
from lab.story import NOISE, Story, instance_id, usual_error_rate

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
ALL = [*shipped(), *(str(RECURRENCES / name) for name in shipped())]
"""The shipped incidents and their recurrences."""


def story_of(name: str, **signals: object) -> Story:
    incident = load(name)
    if signals:
        incident = incident.model_copy(update={"signals": Signals.model_validate(signals)})
    return Story(incident, NOW)


def metric(story: Story, name: str, aggregation: str | None = None, **tags: str) -> Metric:
    [found] = [
        entry
        for entry in story.metrics
        if (entry.name, entry.aggregation, entry.tags) == (name, aggregation, tags)
    ]
    return found


def at(story: Story, entry: Metric | CloudWatchMetric, minutes: float) -> float:
    return story.level(entry, story.ago(minutes))


def behind(story: Story, alarm: Alarm) -> CloudWatchMetric | None:
    asked = (alarm.namespace, alarm.metric, alarm.dimensions)
    found = (m for m in story.cloudwatch if (m.namespace, m.metric, m.dimensions) == asked)
    return next(found, None)


def test_the_latency_of_a_component_changes_when_the_trouble_begins() -> None:
    story = story_of("bad-deploy")
    p99 = metric(story, "trace.http.request", "p99", service="pricing-service")
    assert at(story, p99, 32) == pytest.approx(290, rel=NOISE)
    assert at(story, p99, 30) == pytest.approx(2310, rel=NOISE)


def test_a_slow_caller_with_few_calls_is_not_the_p99_of_all() -> None:
    story = story_of("bad-deploy")
    calls = [call for call in story.topology.call if call.target == "orders-db"]
    rare = max(calls, key=lambda call: call.p99_latency_ms)
    assert rare.requests_per_min < sum(call.requests_per_min for call in calls) / 100
    p99 = metric(story, "trace.http.request", "p99", service="orders-db")
    assert p99.now == max(call.p99_latency_ms for call in calls if call != rare)


def test_errors_of_a_degraded_call_are_new_and_those_of_a_normal_one_are_not() -> None:
    calls = {(call.source, call.target): call for call in story_of("bad-deploy").topology.call}
    assert usual_error_rate(calls["cart-service", "pricing-service"]) == 0.001
    assert usual_error_rate(calls["payment-service", "card-network"]) == 0.003
    story = story_of("bad-deploy")
    errors = metric(story, "trace.http.request.errors", service="card-network")
    assert [errors.normal, errors.now] == pytest.approx([1.545, 1.545])


def test_what_is_gradual_goes_in_a_straight_line_and_back_at_once() -> None:
    depth = Metric(
        name="depth",
        normal=100,
        now=500,
        gradual=True,
        steady=True,
        since_minutes_ago=60,
        until_minutes_ago=20,
    )
    story = story_of("bad-deploy", metric=[depth.model_dump()])
    read = [at(story, depth, minutes) for minutes in (61, 60, 40, 20, 19)]
    assert read == [100, 100, 300, 500, 100]


def test_what_is_steady_has_no_noise_and_all_else_has() -> None:
    limit = Metric(name="limit", normal=300, now=300, steady=True)
    story = story_of("bad-deploy", metric=[limit.model_dump()])
    assert {at(story, limit, minutes) for minutes in range(90)} == {300}
    noisy = limit.model_copy(update={"steady": False})
    read = [at(story, noisy, minutes) for minutes in range(90)]
    assert len(set(read)) == 90
    assert all(abs(value - 300) <= 300 * NOISE for value in read)


def test_a_written_metric_replaces_the_one_that_follows_from_the_topology() -> None:
    story = story_of("noisy-neighbour")
    cpu = metric(story, "system.cpu.user", host="pack-1")
    assert (cpu.normal, cpu.now) == (41, 96)
    other = metric(story, "system.cpu.user", host="pack-2")
    assert (other.normal, other.now) == (41, 41)


def test_lines_come_at_their_rate_within_their_time() -> None:
    line = Log(
        service="web-shop",
        level="info",
        message="{id} in {n} ms",
        per_min=30,
        since_minutes_ago=10,
        until_minutes_ago=4,
    )
    story = story_of("bad-deploy", log=[line.model_dump()])
    lines = list(story.lines(story.ago(60), NOW))
    assert len(lines) == 180
    assert story.ago(10) <= lines[0].at < lines[-1].at < story.ago(4)
    assert len({entry.message for entry in lines}) == 180


@pytest.mark.parametrize("name", ALL)
def test_the_instances_of_a_shipped_incident_are_its_hosts(name: str) -> None:
    story = story_of(name)
    known = {instance_id(host.name) for host in story.topology.host}
    alarms = [alarm.dimensions for alarm in story.incident.signals.alarm]
    told = [*alarms, *(entry.dimensions for entry in story.cloudwatch)]
    assert {each["InstanceId"] for each in told if "InstanceId" in each} == known


@pytest.mark.parametrize("name", ALL)
def test_each_alarm_of_a_shipped_incident_agrees_with_its_metric(name: str) -> None:
    story = story_of(name)
    for alarm in story.incident.signals.alarm:
        entry = behind(story, alarm)
        if entry is None:
            assert alarm.state == "INSUFFICIENT_DATA", alarm.name
            continue
        is_above = at(story, entry, 1) > alarm.threshold
        assert is_above == (alarm.state == "ALARM"), alarm.name
        if is_above and alarm.minutes_ago < story.incident.signals.began_minutes_ago:
            assert at(story, entry, alarm.minutes_ago) > alarm.threshold, alarm.name
            began = story.incident.signals.began_minutes_ago
            assert at(story, entry, began + 1) <= alarm.threshold, alarm.name


@pytest.mark.parametrize("name", ALL)
def test_a_shipped_incident_has_what_an_investigation_reads(name: str) -> None:
    signals = story_of(name).incident.signals
    assert 2 <= len(signals.alarm) <= 4
    assert {"Alert", "OK"} <= {monitor.status for monitor in signals.monitor}
    assert signals.trail
    assert signals.objective
    assert signals.event
    began = signals.began_minutes_ago
    new = [log for log in signals.log if log.since_minutes_ago == began and log.level != "info"]
    assert bool(new) == (name != "false-alarm")
    assert [log for log in signals.log if log.level == "error" and log.since_minutes_ago == 1440]


def test_in_the_false_alarm_nothing_changes() -> None:
    story = story_of("false-alarm")
    for entry in [*story.metrics, *story.cloudwatch]:
        assert entry.now == pytest.approx(entry.normal, rel=0.06), entry
    for log in story.incident.signals.log:
        if log.level in ("warn", "error"):
            before = len(story.indexes(log, story.ago(200), story.ago(100)))
            after = len(story.indexes(log, story.ago(100), NOW))
            assert abs(after - before) <= 1, log.message


@pytest.mark.parametrize("name", ALL)
def test_a_shipped_scaling_group_has_the_hosts_that_it_wants(name: str) -> None:
    story = story_of(name)
    for group in story.incident.signals.scaling_group:
        assert len(story.hosts(group.service)) == group.desired, group.name
