"""The questions to CloudWatch's alarms, asked of the lab's AWS."""

from datetime import timedelta

import pytest

from graph.tools.aws.client import Aws
from graph.tools.window import Window, iso
from lab.aws import AwsDouble
from lab.faults import Status
from lab.story import Story
from tests.graph.tools.aws.conftest import ask


async def test_alarms_that_ring_come_with_their_condition_and_history(
    aws: Aws, story: Story
) -> None:
    result = await ask(aws, "aws_alarms")
    assert (result.status, result.source, result.matched, result.returned) == ("ok", "aws", 2, 2)
    assert result.query.startswith('cloudwatch:DescribeAlarms {"AlarmTypes"')
    assert '"StateValue": "ALARM"' in result.query
    since = iso(story.ago(26))
    lines = result.text.splitlines()
    assert lines[0].split("\t") == ["name", "state", "since", "metric", "condition", "reason"]
    assert lines[1].split("\t") == [
        "checkout-5xx",
        "ALARM",
        since,
        "AWS/ApplicationELB HTTPCode_Target_5XX_Count LoadBalancer=app/shop/1",
        "Sum > 50 for 3 x 60 s",
        "3 datapoints were greater than the threshold (50.0).",
    ]
    assert lines[2].startswith("checkout-p99\t")
    assert f"{since}\tcheckout-5xx\tAlarm updated from OK to ALARM" in lines
    assert [row["name"] for row in result.data["history"]] == ["checkout-5xx", "checkout-p99"]


async def test_a_window_round_the_newest_change_is_suggested(aws: Aws, story: Story) -> None:
    result = await ask(aws, "aws_alarms", state="ANY")
    [line] = [line for line in result.text.splitlines() if line.startswith("suggested window")]
    suggested = Window.parse(line.rpartition(": ")[2])
    newest = story.ago(26).replace(microsecond=0)
    assert suggested.start == newest - timedelta(minutes=30)
    assert newest < suggested.end <= newest + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"state": "OK"}, ["orders-db-cpu"]),
        ({"state": "ANY"}, ["checkout-5xx", "checkout-p99", "orders-db-cpu"]),
        ({"state": "ANY", "prefix": "orders"}, ["orders-db-cpu"]),
        ({"prefix": "checkout-p"}, ["checkout-p99"]),
    ],
)
async def test_alarms_are_chosen_by_state_and_the_start_of_their_name(
    aws: Aws, arguments: dict[str, str], names: list[str]
) -> None:
    result = await ask(aws, "aws_alarms", **arguments)
    assert [row["name"] for row in result.data["alarms"]] == names


async def test_a_cut_is_counted(aws: Aws) -> None:
    result = await ask(aws, "aws_alarms", state="ANY", limit=1)
    assert (result.matched, result.returned, len(result.data["alarms"])) == (3, 1, 1)
    assert "[2 further alarms; ask with a prefix]" in result.text


async def test_the_history_is_of_the_alarms_that_are_shown(aws: Aws) -> None:
    result = await ask(aws, "aws_alarms", window="last 7d")
    assert {row["name"] for row in result.data["history"]} == {"checkout-5xx", "checkout-p99"}
    every = await ask(aws, "aws_alarms", window="last 7d", state="ANY")
    assert len(every.data["history"]) == 3


async def test_a_window_without_changes_says_so(aws: Aws) -> None:
    result = await ask(aws, "aws_alarms", state="OK", window="last 1h")
    assert "history: no change of these in the window" in result.text
    assert Window.parse(result.window or "").seconds == 3600


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        ({"state": "INSUFFICIENT_DATA"}, "there are 2 ALARM, 1 OK"),
        ({"state": "OK", "prefix": "check"}, "whose name begins with 'check' is in OK"),
        ({"prefix": "zeppelin"}, "there are checkout-5xx, checkout-p99, orders-db-cpu"),
    ],
)
async def test_no_alarm_is_no_data_with_those_there_are(
    aws: Aws, arguments: dict[str, str], near: str
) -> None:
    result = await ask(aws, "aws_alarms", **arguments)
    assert (result.status, result.error, result.matched) == ("no_data", None, 0)
    assert near in result.text


async def test_a_history_that_is_refused_does_not_hide_the_alarms(
    aws: Aws, double: AwsDouble
) -> None:
    double.queue(Status(403, "no history for you"), operation="DescribeAlarmHistory")
    result = await ask(aws, "aws_alarms")
    assert (result.status, result.returned) == ("ok", 2)
    assert "history: AccessDeniedException: no history for you: the policy in" in result.text
