"""Each cause that the stand-in names: found from hand-made results, and not without its details."""

import pytest

from graph.report import problems
from graph.tools.aws.alarm_rows import ALARM_COLUMNS
from graph.tools.datadog.monitors import MONITOR_COLUMNS
from tests.lab.scenes import (
    BEGAN,
    BLAMED,
    BOX,
    CHANGES,
    CLOUDWATCH,
    COMPLAINTS,
    DATABASE,
    EXPIRED,
    FACTS,
    HEALTH,
    LOGS,
    LONG_AGO,
    METRICS,
    NOTHING,
    PATH,
    REFUSED,
    SCENES,
    TIME,
    USAGE,
    Scene,
    asked_by,
    blamed,
    changes,
    deployment,
    facts,
    lines,
    report_on,
    resources,
    series,
    slow,
    wire,
)
from tests.lab.wire import FAILED, concluded, found

MOST_CALLS = 30


@pytest.mark.parametrize("cause", SCENES)
def test_the_cause_is_found_with_evidence_that_was_on_the_wire(cause: str) -> None:
    conversation = wire(cause)
    report = report_on(conversation)
    assert blamed(report) == BLAMED[cause]
    assert report.confidence == "high"
    assert problems(report, conversation.shown) == []
    asked = asked_by(conversation)
    assert len(asked) == len(set(asked)) <= MOST_CALLS


EARLY = "2026-11-24T07:40:00Z"
WITHOUT: dict[str, tuple[str, Scene]] = {
    "deployed two hours before": ("deployment", {(CHANGES, ""): deployment("store", EARLY)}),
    "deployed after it began": (
        "deployment",
        {(CHANGES, ""): deployment("store", "2026-11-24T09:50:00Z")},
    ),
    "deployment failed": ("deployment", {(CHANGES, ""): deployment("store", status="failed")}),
    "deployment of another": ("deployment", {(CHANGES, ""): deployment("stock-api")}),
    "host not busy": ("noisy neighbour", {(FACTS, "box-1"): facts(("cpu_percent", "60"))}),
    "no neighbour grew": (
        "noisy neighbour",
        {(METRICS, USAGE): series(("service:encoder, host:box-1", 7.0, 7.0, "-"))},
    ),
    "a small neighbour grew": (
        "noisy neighbour",
        {
            (METRICS, USAGE): series(
                ("service:agent, host:box-1", 0.1, 0.4, BEGAN),
                ("service:encoder, host:box-1", 7.0, 7.0, "-"),
            )
        },
    ),
    "a neighbour grew hours before": (
        "noisy neighbour",
        {(METRICS, USAGE): series(("service:encoder, host:box-1", 0.5, 7.0, EARLY))},
    ),
    "processors of the database idle": (
        "hungry caller",
        {(FACTS, "store"): facts(*DATABASE, ("cpu_percent", "40"))},
    ),
    "no caller asks for more": (
        "hungry caller",
        {(METRICS, TIME): series(("user:batch", 9000, 9000, "-"))},
    ),
    "who asks for more is no caller": (
        "hungry caller",
        {(METRICS, TIME): series(("user:stranger", 100, 9000, BEGAN))},
    ),
    "line about the credential is old": (
        "credential",
        {(LOGS, COMPLAINTS("edge-proxy")): lines((500, LONG_AGO, REFUSED[2]))},
    ),
    "line about the credential is rare": (
        "credential",
        {(LOGS, COMPLAINTS("edge-proxy")): lines((3, BEGAN, REFUSED[2]), (500, BEGAN, "no route"))},
    ),
    "age of the line is not known": (
        "credential",
        {
            (LOGS, COMPLAINTS("edge-proxy")): lines(REFUSED, matched=9000),
            (LOGS, f"earlier {COMPLAINTS('edge-proxy')}"): lines((90, LONG_AGO, REFUSED[2])),
        },
    ),
    "the earlier look failed": (
        "credential",
        {
            (LOGS, COMPLAINTS("edge-proxy")): lines(REFUSED, matched=9000),
            (LOGS, f"earlier {COMPLAINTS('edge-proxy')}"): FAILED,
        },
    ),
    "line about the certificate is old": (
        "certificate",
        {(LOGS, COMPLAINTS("store")): lines((500, LONG_AGO, EXPIRED[2]))},
    ),
    "tasks complete": (
        "tasks",
        {(HEALTH, "store"): resources(("ecs service", "store", "ACTIVE 4/4", "x"))},
    ),
    "only an event says failed": (
        "tasks",
        {
            (HEALTH, "store"): resources(
                ("ecs service", "store", "ACTIVE 4/4", "x"),
                events=("deployment failed: tasks 0/4 failed to start",),
            )
        },
    ),
    "one task of eight missing": (
        "tasks",
        {(HEALTH, "store"): resources(("ecs service", "store", "ACTIVE 7/8", "x"))},
    ),
    "machine is well": (
        "impaired host",
        {(HEALTH, "box-1"): resources(("ec2 instance", "box-1", "running", "system check ok"))},
    ),
    "third party is ours": ("third party", {(FACTS, "store"): facts(("type", "api"))}),
}


@pytest.mark.parametrize("missing", WITHOUT)
def test_without_a_detail_nobody_is_blamed_with_high_confidence(missing: str) -> None:
    cause, changed = WITHOUT[missing]
    report = report_on(wire(cause, changed))
    assert report.confidence != "high"
    assert blamed(report) in ("store", "box-1", "edge-proxy")
    assert report.open_questions


def test_a_line_whose_age_an_earlier_look_tells_is_new() -> None:
    changed = {(LOGS, COMPLAINTS("edge-proxy")): lines(REFUSED, matched=9000)}
    conversation = wire("credential", changed)
    report = report_on(conversation)
    assert (blamed(report), report.confidence) == ("edge-proxy", "high")
    assert any("07:00:00Z/2026-11-24T08:00:00Z" in asked for asked in asked_by(conversation))


def test_a_line_whose_age_could_not_be_looked_up_any_more_is_not_taken_for_new() -> None:
    conversation = wire(
        "credential", {(LOGS, COMPLAINTS("edge-proxy")): lines(REFUSED, matched=9000)}
    )
    for _ in range(3):
        conversation.give(conversation.ask())
    assert concluded(conversation.ask("conclude")).confidence == "medium"


def test_a_word_about_a_certificate_is_no_cause_while_no_call_fails() -> None:
    report = report_on(wire("certificate", calling=PATH))
    assert report.confidence == "medium"
    assert "certificate" not in str(report.root_cause)


def test_what_aws_tells_of_the_tasks_is_part_of_the_explanation() -> None:
    report = report_on(wire("tasks"))
    assert report.root_cause
    assert "killed out of memory" in report.root_cause.explanation


def test_a_third_party_that_only_one_of_two_callers_suffers_from_is_not_blamed() -> None:
    changed = {(LOGS, COMPLAINTS("edge-proxy")): NOTHING}
    report = report_on(wire("credential", changed))
    assert (blamed(report), report.confidence) == ("edge-proxy", "medium")


def test_a_host_that_became_busy_is_named_where_no_process_is_seen_to_grow() -> None:
    report = report_on(wire("noisy neighbour", {(METRICS, USAGE): NOTHING}))
    assert (blamed(report), report.confidence) == ("box-1", "medium")


def test_a_host_that_was_always_busy_is_not_named() -> None:
    steady = series(("*", 96.0, 97.0, "-"))
    report = report_on(wire("noisy neighbour", {(METRICS, USAGE): NOTHING, (METRICS, BOX): steady}))
    assert (blamed(report), report.confidence) == ("store", "medium")


def test_a_caller_that_was_deployed_then_is_suspected_where_its_queries_are_not_measured() -> None:
    changed = {(METRICS, TIME): NOTHING, (CHANGES, ""): deployment("batch")}
    calling = [slow("edge-proxy", "store"), slow("batch", "store", per_min=900)]
    report = report_on(wire("hungry caller", changed, calling))
    assert (blamed(report), report.confidence) == ("batch", "medium")


@pytest.mark.parametrize("kind", ["Planned maintenance: new kernel", "Maintenance window CHG-7"])
def test_what_rests_for_announced_work_is_no_cause_while_no_call_suffers(kind: str) -> None:
    stopped = resources(("ecs service", "edge-proxy", "ACTIVE 2/4", "x"))
    changed = {
        (HEALTH, "store"): NOTHING,
        (HEALTH, "edge-proxy"): stopped,
        (CHANGES, ""): changes((BEGAN, "edge-proxy", "calendar", "-", kind)),
    }
    report = report_on(wire("function of a neighbour", changed))
    assert report.root_cause is None
    assert kind in report.summary
    assert report.confidence == "medium"
    del changed[CHANGES, ""]
    assert blamed(report_on(wire("function of a neighbour", changed))) == "edge-proxy"


def test_an_alert_that_nothing_explains_is_an_open_question() -> None:
    alert = found(MONITOR_COLUMNS, (1, "No Data", "beat", "edge-proxy", BEGAN, "avg:x"))
    changed = {(HEALTH, "store"): NOTHING, ("search_monitors", "edge-proxy"): alert}
    report = report_on(wire("function of a neighbour", changed))
    assert (report.root_cause, report.confidence) == (None, "low")
    assert report.open_questions == ["Why does the monitor of edge-proxy alert, or get no data?"]


def test_two_that_do_not_run_make_each_other_less_certain() -> None:
    short = resources(("ecs service", "edge-proxy", "ACTIVE 0/4", "x"))
    report = report_on(wire("function of a neighbour", {(HEALTH, "edge-proxy"): short}))
    assert report.confidence == "medium"
    assert report.open_questions


def test_monitors_and_alarms_since_then_bear_the_cause_out_and_older_ones_do_not() -> None:
    def told(at: str) -> Scene:
        alarm = ("a", "ALARM", at, "AWS/RDS CPUUtilization DBInstanceIdentifier=store", "x", "x")
        monitor = (1, "Alert", "slow", "edge-proxy", at, "avg:x")
        return {
            ("aws_alarms", ""): found(ALARM_COLUMNS, alarm),
            ("search_monitors", "edge-proxy"): found(MONITOR_COLUMNS, monitor),
        }

    def sources(at: str) -> set[str]:
        conversation = wire("deployment", told(at))
        return {conversation.sources[cited.id] for cited in report_on(conversation).evidence}

    rang = {"aws_alarms", "search_monitors"}
    assert rang <= sources("2026-11-24T09:33:00Z")
    assert not rang & sources(EARLY)


def test_a_deployment_at_the_same_time_makes_a_neighbour_less_certain() -> None:
    report = report_on(wire("noisy neighbour", {(CHANGES, ""): deployment("store")}))
    assert (blamed(report), report.confidence) == ("encoder", "medium")
    assert report.open_questions == ["Is it this, or what is wrong with store?"]


def test_a_caller_that_was_deployed_then_is_asked_about_where_another_asks_for_more() -> None:
    busy = series(("DBInstanceIdentifier=store", 20, 98, BEGAN))
    changed = {
        (METRICS, TIME): NOTHING,
        (CHANGES, ""): deployment("batch"),
        (CLOUDWATCH, "store"): busy,
    }
    calling = [slow("edge-proxy", "store", per_min=900), slow("batch", "store")]
    report = report_on(wire("hungry caller", changed, calling))
    assert (blamed(report), report.confidence) == ("store", "medium")
    assert f"Is it batch, which was deployed at {BEGAN}?" in report.open_questions


def test_it_says_when_it_began() -> None:
    assert report_on(wire("deployment")).summary.endswith(f"It began about {BEGAN}.")
