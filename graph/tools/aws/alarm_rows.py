"""What an alarm of CloudWatch and a change of it say in one row."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from graph.tools.window import Window, iso

ALARM_COLUMNS = ("name", "state", "since", "metric", "condition", "reason")
HISTORY_COLUMNS = ("at", "name", "what")
ROUND = timedelta(minutes=30)
"""How far the suggested window reaches to both sides of the newest change."""
_SIGNS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": ">=",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "<=",
}


def alarm_row(entry: dict[str, Any]) -> dict[str, Any]:
    """The ALARM_COLUMNS of an alarm of cloudwatch:DescribeAlarms."""
    since = entry.get("StateTransitionedTimestamp") or entry.get("StateUpdatedTimestamp")
    return {
        "name": entry.get("AlarmName", ""),
        "state": entry.get("StateValue", ""),
        "since": iso(since) if since else None,
        "metric": _metric(entry),
        "condition": _condition(entry),
        "reason": entry.get("StateReason"),
    }


def history_row(item: dict[str, Any]) -> dict[str, Any]:
    """The HISTORY_COLUMNS of an item of cloudwatch:DescribeAlarmHistory."""
    at = item.get("Timestamp")
    return {
        "at": iso(at) if at else None,
        "name": item.get("AlarmName", ""),
        "what": item.get("HistorySummary"),
    }


def _metric(entry: dict[str, Any]) -> str:
    """`namespace metric dimension=value`, as aws_metrics takes them."""
    if "AlarmRule" in entry:
        return "composite"
    if not entry.get("MetricName"):
        return "expression " + ", ".join(
            str(part.get("Expression") or part.get("Label") or part.get("Id"))
            for part in entry.get("Metrics", [])
        )
    dimensions = [f"{pair['Name']}={pair['Value']}" for pair in entry.get("Dimensions", [])]
    return " ".join([entry.get("Namespace", ""), entry["MetricName"], *dimensions])


def _condition(entry: dict[str, Any]) -> str:
    if "AlarmRule" in entry:
        return str(entry["AlarmRule"])
    statistic = entry.get("Statistic") or entry.get("ExtendedStatistic") or "value"
    times = f"{entry.get('EvaluationPeriods', 1)} x {entry.get('Period', 60)} s"
    operator = entry.get("ComparisonOperator", "")
    comparison = _SIGNS.get(operator, operator)
    return f"{statistic} {comparison} {entry.get('Threshold', 0):g} for {times}"


def suggestion(rows: Sequence[dict[str, Any]]) -> str:
    """A window round the newest change of these alarms, in words."""
    newest = max((row["since"] for row in rows if row["since"]), default=None)
    if newest is None:
        return "no alarm says when it changed"
    moment = datetime.fromisoformat(newest)
    end = min(moment + ROUND, datetime.now(UTC))
    around = Window(moment - ROUND, max(end, moment))
    return f"suggested window, round the newest change: {around}"
