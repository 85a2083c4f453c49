"""What may be asked of AWS: an allow-list of reads, and what counts as an answer.

Both are handlers on the events of the official client, so that no call goes round them. The
boundary proper is the IAM policy that the operator grants; this one holds when that is too wide.
"""

import json
import random
import re
import time
from typing import Any

READS: dict[str, frozenset[str]] = {
    "cloudwatch": frozenset(
        {"DescribeAlarms", "DescribeAlarmHistory", "GetMetricData", "ListMetrics"}
    ),
    "logs": frozenset({"DescribeLogGroups", "StartQuery", "GetQueryResults", "StopQuery"}),
    "cloudtrail": frozenset({"LookupEvents"}),
    "resourcegroupstaggingapi": frozenset({"GetResources"}),
    "ec2": frozenset({"DescribeInstances", "DescribeInstanceStatus"}),
    "ecs": frozenset({"ListClusters", "ListServices", "DescribeServices"}),
    "rds": frozenset({"DescribeDBInstances", "DescribeEvents"}),
    "elbv2": frozenset({"DescribeTargetGroups", "DescribeTargetHealth"}),
    "lambda": frozenset({"GetFunctionConfiguration"}),
    "autoscaling": frozenset({"DescribeAutoScalingGroups", "DescribeScalingActivities"}),
}
"""The operations that may be sent, per service as the client names it. `lambda:GetFunction` is
not among them: it hands out an address of the code."""
ATTEMPTS = 3
"""Requests for one call, the first one included."""
THROTTLED = re.compile(
    r"Throttl|TooManyRequests|RequestLimitExceeded|^LimitExceeded|SlowDown|BandwidthLimit|^429$"
)
"""AWS's codes for too many requests."""
IDENTITY: dict[str, frozenset[str]] = {"sts": frozenset({"GetCallerIdentity"})}
"""Who is calling, which the doctor asks. AWS answers it to everybody: no policy has to allow it."""
_PASSING = frozenset({429, 500, 502, 503, 504})
_UNTIL = "netforge_retry_until"
_SHOWN = 120
_JSON = ("json", "rest-json")


class WriteRefused(Exception):
    """An operation that is not among READS; nothing was sent."""


class NoAwsAnswer(Exception):
    """HTTP 200 with something that AWS does not say, as a proxy's page."""


def watch(events: Any, retry_for_s: float) -> None:
    """Put the handlers on the events of a session, before it makes clients.

    They repeat what passes, at most ATTEMPTS times in `retry_for_s` seconds; the client's own
    repeating has to be off, for it repeats what timed out, each time for as long again.
    """

    def only_reads(model: Any, context: dict[str, Any], **_: Any) -> None:
        service = model.service_model.service_name
        if model.name not in (READS | IDENTITY).get(service, ()):
            raise WriteRefused(
                f"{service}:{model.name} is not among the reads that are allowed; nothing was sent"
            )
        context[_UNTIL] = time.monotonic() + retry_for_s

    def wait_s(
        attempts: int, response: Any, caught_exception: Any, request_dict: Any, **_: Any
    ) -> float | None:
        """How long to wait before the next attempt; None when there is none."""
        if attempts >= ATTEMPTS or not _passes(response, caught_exception):
            return None
        # A sixth of the time, then a third: with the jitter that many callers need.
        wait = retry_for_s / 6 * attempts * random.uniform(0.5, 1)
        return wait if time.monotonic() + wait < request_dict["context"][_UNTIL] else None

    events.register_first("before-call", only_reads)
    events.register_first("needs-retry", wait_s)
    events.register_first("after-call", _only_answers)


def _passes(response: Any, caught_exception: Any) -> bool:
    """Whether the failure is of a kind that passes; a read that timed out took too long already."""
    if response is None:
        # Only here: the list of reads is wanted without the client.
        from botocore.exceptions import ConnectionError as NoConnection
        from botocore.exceptions import HTTPClientError, ReadTimeoutError

        passing = isinstance(caught_exception, HTTPClientError | NoConnection)
        return passing and not isinstance(caught_exception, ReadTimeoutError)
    http_response, parsed = response
    code = parsed.get("Error", {}).get("Code", "") if http_response.status_code >= 300 else ""
    return http_response.status_code in _PASSING or bool(THROTTLED.search(str(code)))


def _only_answers(model: Any, http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
    """The client takes a page of HTML, or half an answer, for an answer that says nothing."""
    if http_response.status_code >= 300:
        return
    name = f"the answer to {model.service_model.service_name}:{model.name}"
    there, said = len(http_response.content), http_response.headers.get("Content-Length", "")
    if said.isdecimal() and there < int(said):
        raise NoAwsAnswer(f"{name} broke off after {there} of {said} bytes: ask again")
    if not _is_answer(model, http_response, parsed):
        start = " ".join(http_response.content[:_SHOWN].decode("utf-8", "replace").split())
        raise NoAwsAnswer(f"{name} is none of AWS: {start or 'nothing'}")


def _is_answer(model: Any, http_response: Any, parsed: Any) -> bool:
    if "html" in http_response.headers.get("Content-Type", "").lower():
        return False
    if not isinstance(parsed, dict):
        return False
    if set(parsed) - {"ResponseMetadata"} or model.output_shape is None:
        return True
    protocol = model.service_model.resolved_protocol
    if protocol in _JSON:
        return _is_object(http_response.content)
    if protocol in ("query", "ec2"):
        return f"<{model.name}Response".encode() in http_response.content
    return bool(http_response.content)


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False
