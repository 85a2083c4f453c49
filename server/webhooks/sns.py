"""A CloudWatch alarm in a message of SNS."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from server.webhooks.alarm import TEXT_LIMIT, Alarm, key_of, name_in, names, plain, thread_of, told
from server.webhooks.envelope import Envelope
from server.webhooks.refusal import Ignored

COMPONENT_DIMENSIONS = (
    "ServiceName",
    "Service",
    "FunctionName",
    "LoadBalancer",
    "LoadBalancerName",
    "TargetGroup",
    "DBInstanceIdentifier",
    "DBClusterIdentifier",
    "CacheClusterId",
    "ReplicationGroupId",
    "QueueName",
    "TableName",
    "TopicName",
    "StreamName",
    "ApiName",
    "AutoScalingGroupName",
    "InstanceId",
    "ClusterName",
    "DomainName",
    "BucketName",
)
"""Dimensions whose value names a component, the most telling first."""
SIGNS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": ">=",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "<=",
}
_WITH_TYPE = re.compile(r"(?:app|net|gwy|targetgroup)/([\w.-]+)/[0-9a-f]+")
"""How the dimensions of a load balancer and its target groups name it: type, name, id."""


def read(envelope: Envelope) -> Alarm:
    """The alarm in a notification that is authentic; raises Ignored for what is none."""
    alarm = _content(envelope.message)
    state, name = _text(alarm, "NewStateValue"), _text(alarm, "AlarmName")
    if not state or not name:
        raise Ignored("the message is no CloudWatch alarm")
    if state != "ALARM":
        raise Ignored(f"the alarm went to {plain(state, 40)}, which is no alarm that stands")
    arn = _text(alarm, "AlarmArn")
    at = _text(alarm, "StateChangeTime")
    identity = arn or f"{_text(alarm, 'AWSAccountId')}:{_text(alarm, 'Region')}:{name}"
    trigger = _mapping(alarm.get("Trigger"))
    metrics = list(_metrics(trigger))
    focus = names(_components(metrics))
    return Alarm(
        question=_question(alarm, trigger, metrics, focus),
        focus=focus,
        alert=_alert(alarm, trigger, metrics),
        key=key_of("sns", identity, at or envelope.message_id),
        thread_id=thread_of("sns", identity),
    )


def _content(message: str) -> dict[str, Any]:
    try:
        content = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise Ignored("the message is no CloudWatch alarm: it is not JSON") from error
    return _mapping(content)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _listed(value: object) -> list[dict[str, Any]]:
    return [_mapping(entry) for entry in value] if isinstance(value, list) else []


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else ""


def _metrics(trigger: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The metrics of an alarm: one at the top, or several that are calculated with."""
    yield trigger
    for entry in _listed(trigger.get("Metrics")):
        yield _mapping(_mapping(entry.get("MetricStat")).get("Metric"))


def _dimensions(metric: Mapping[str, Any]) -> list[tuple[str, str]]:
    entries = _listed(metric.get("Dimensions"))
    return [(_text(entry, "name"), _text(entry, "value")) for entry in entries]


def _components(metrics: list[Mapping[str, Any]]) -> Iterator[str]:
    pairs = [pair for metric in metrics for pair in _dimensions(metric)]
    for wanted in COMPONENT_DIMENSIONS:
        for name, value in pairs:
            if name == wanted:
                with_type = _WITH_TYPE.fullmatch(value)
                yield with_type[1] if with_type else value


def _measured(metric: Mapping[str, Any]) -> str:
    parts = [_text(metric, "Namespace"), _text(metric, "MetricName")]
    return " ".join(part for part in parts if name_in(part))


def _condition(trigger: Mapping[str, Any]) -> str:
    sign, threshold = SIGNS.get(_text(trigger, "ComparisonOperator")), trigger.get("Threshold")
    number = isinstance(threshold, int | float) and abs(threshold) < 1e18
    return f"{sign} {threshold:g}" if sign and number else ""


def _question(
    alarm: Mapping[str, Any],
    trigger: Mapping[str, Any],
    metrics: list[Mapping[str, Any]],
    focus: tuple[str, ...],
) -> str:
    # The name is set with the alarm, by whoever runs the estate; the rest must look like a name.
    name = plain(_text(alarm, "AlarmName"), 255).replace('"', "'")
    parts = [f'CloudWatch alarm "{name}" went to ALARM']
    at = name_in(_text(alarm, "StateChangeTime"))
    if at:
        parts.append(f" at {at}")
    measured = ", ".join(dict.fromkeys(text for metric in metrics if (text := _measured(metric))))
    if measured:
        parts.append(f", metric {plain(measured)}")
    if condition := _condition(trigger):
        parts.append(f", threshold {condition}")
    if focus:
        parts.append(f", for {', '.join(focus)}")
    return f"{''.join(parts)}. What is wrong, and what caused it?"


def _alert(
    alarm: Mapping[str, Any], trigger: Mapping[str, Any], metrics: list[Mapping[str, Any]]
) -> dict[str, str]:
    pairs = [f"{name}={value}" for metric in metrics for name, value in _dimensions(metric)]
    said = told(
        {
            "source": "cloudwatch",
            "alarm": _text(alarm, "AlarmName"),
            "arn": _text(alarm, "AlarmArn"),
            "account": _text(alarm, "AWSAccountId"),
            "region": _text(alarm, "Region"),
            "state": _text(alarm, "NewStateValue"),
            "state_before": _text(alarm, "OldStateValue"),
            "at": _text(alarm, "StateChangeTime"),
            "metric": ", ".join(dict.fromkeys(filter(None, map(_measured, metrics)))),
            "condition": _condition(trigger),
            "dimensions": ", ".join(dict.fromkeys(pairs)),
            "rule": _text(alarm, "AlarmRule"),
            "description": _text(alarm, "AlarmDescription"),
        }
    )
    reason = plain(_text(alarm, "NewStateReason"), TEXT_LIMIT)
    return {**said, "reason": reason} if reason else said
