"""CloudWatch alarms and how they came to their state."""

import json
from typing import Any

from lab.aws.scene import Parameters, Result, Scene, page
from lab.signals import Alarm

_STATISTICS = ("Average", "Maximum", "Minimum", "Sum")


def describe(scene: Scene, parameters: Parameters) -> Result:
    """DescribeAlarms: by names, the start of a name, or state; in the order of their names."""
    names = parameters.get("AlarmNames")
    prefix = parameters.get("AlarmNamePrefix") or ""
    found = [
        _alarm(scene, entry)
        for entry in _sorted(scene)
        if (not names or entry.name in names)
        and entry.name.startswith(prefix)
        and parameters.get("StateValue") in (None, entry.state)
        and "MetricAlarm" in (parameters.get("AlarmTypes") or ["MetricAlarm"])
    ]
    part, following = page(parameters, found, ("MaxRecords", 50, 100))
    return {"MetricAlarms": part, "CompositeAlarms": [], **following}


def history(scene: Scene, parameters: Parameters) -> Result:
    """DescribeAlarmHistory: the one change of state that the story tells of each alarm."""
    if parameters.get("HistoryItemType") not in (None, "StateUpdate"):
        return {"AlarmHistoryItems": []}
    name = parameters.get("AlarmName")
    start, end = parameters.get("StartDate"), parameters.get("EndDate")
    found = [
        _change(scene, entry)
        for entry in _sorted(scene)
        if name in (None, entry.name)
        and (start is None or scene.story.ago(entry.minutes_ago) >= start)
        and (end is None or scene.story.ago(entry.minutes_ago) <= end)
    ]
    found.sort(
        key=lambda item: item["Timestamp"], reverse=parameters.get("ScanBy") != "TimestampAscending"
    )
    part, following = page(parameters, found, ("MaxRecords", 50, 100))
    return {"AlarmHistoryItems": part, **following}


def _sorted(scene: Scene) -> list[Alarm]:
    return sorted(scene.story.incident.signals.alarm, key=lambda entry: entry.name)


def _alarm(scene: Scene, entry: Alarm) -> Result:
    changed = scene.story.ago(entry.minutes_ago)
    kind = "Statistic" if entry.statistic in _STATISTICS else "ExtendedStatistic"
    return {
        "AlarmName": entry.name,
        "AlarmArn": scene.arn("cloudwatch", f"alarm:{entry.name}"),
        "ActionsEnabled": True,
        "StateValue": entry.state,
        "StateReason": entry.reason,
        "StateUpdatedTimestamp": changed,
        "StateTransitionedTimestamp": changed,
        "Namespace": entry.namespace,
        "MetricName": entry.metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in entry.dimensions.items()],
        kind: entry.statistic,
        "Period": 60,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 3,
        "Threshold": entry.threshold,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "missing",
    }


def _change(scene: Scene, entry: Alarm) -> dict[str, Any]:
    before = "ALARM" if entry.state == "OK" else "OK"
    data = {
        "version": "1.0",
        "oldState": {"stateValue": before},
        "newState": {"stateValue": entry.state, "stateReason": entry.reason},
    }
    return {
        "AlarmName": entry.name,
        "AlarmType": "MetricAlarm",
        "Timestamp": scene.story.ago(entry.minutes_ago),
        "HistoryItemType": "StateUpdate",
        "HistorySummary": f"Alarm updated from {before} to {entry.state}",
        "HistoryData": json.dumps(data),
    }
