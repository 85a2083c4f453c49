import json
from typing import Any

import pytest

from lab.aws import serve
from lab.story import Story
from tests.lab.aws.conftest import SIGNALS, Ask, Client, asked, told


async def test_an_alarm_tells_its_state_reason_and_moment(ask: Ask, story: Story) -> None:
    [alarm] = (await ask("cloudwatch", "describe_alarms", StateValue="ALARM"))["MetricAlarms"]
    assert alarm["AlarmName"] == "shop-latency"
    assert alarm["StateReason"] == "Threshold Crossed: 3 datapoints <were> greater & above"
    assert abs((story.ago(26) - alarm["StateUpdatedTimestamp"]).total_seconds()) < 1
    assert (alarm["ExtendedStatistic"], alarm["Threshold"]) == ("p95", 1)
    assert "Statistic" not in alarm


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({}, ["orders-cpu", "shop-latency"]),
        ({"AlarmNamePrefix": "orders"}, ["orders-cpu"]),
        ({"AlarmNames": ["shop-latency", "none"]}, ["shop-latency"]),
        ({"StateValue": "INSUFFICIENT_DATA"}, []),
        ({"AlarmTypes": ["CompositeAlarm"]}, []),
    ],
)
async def test_alarms_are_found_by_name_prefix_state_and_type(
    ask: Ask, parameters: dict[str, Any], names: list[str]
) -> None:
    alarms = (await ask("cloudwatch", "describe_alarms", **parameters))["MetricAlarms"]
    assert [alarm["AlarmName"] for alarm in alarms] == names


async def test_a_page_of_alarms_goes_on_where_the_last_one_ended(client: Client) -> None:
    [first, _] = SIGNALS["alarm"]
    many = [{**first, "name": f"alarm-{number:03}"} for number in range(130)]
    async with serve(told(alarm=many)) as double:
        cloudwatch = client(double, "cloudwatch")
        page = await asked(cloudwatch, "describe_alarms", MaxRecords=100)
        rest = await asked(
            cloudwatch, "describe_alarms", MaxRecords=100, NextToken=page["NextToken"]
        )
    names = [alarm["AlarmName"] for alarm in page["MetricAlarms"] + rest["MetricAlarms"]]
    assert names == [f"alarm-{number:03}" for number in range(130)]
    assert "NextToken" not in rest


async def test_the_history_tells_the_change_of_state(ask: Ask, story: Story) -> None:
    everything = (await ask("cloudwatch", "describe_alarm_history"))["AlarmHistoryItems"]
    assert [item["AlarmName"] for item in everything] == ["shop-latency", "orders-cpu"]
    [item] = (
        await ask(
            "cloudwatch",
            "describe_alarm_history",
            AlarmName="shop-latency",
            HistoryItemType="StateUpdate",
        )
    )["AlarmHistoryItems"]
    assert item["HistorySummary"] == "Alarm updated from OK to ALARM"
    assert json.loads(item["HistoryData"])["newState"]["stateValue"] == "ALARM"
    assert abs((story.ago(26) - item["Timestamp"]).total_seconds()) < 1


async def test_the_history_is_that_of_the_time_and_kind(ask: Ask, story: Story) -> None:
    for parameters in (
        {"StartDate": story.ago(25)},
        {"StartDate": story.ago(600), "EndDate": story.ago(27)},
        {"HistoryItemType": "ConfigurationUpdate"},
    ):
        answer = await ask("cloudwatch", "describe_alarm_history", **parameters)
        assert answer["AlarmHistoryItems"] == []
