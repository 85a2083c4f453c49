"""The smallest question to AWS for each operation that the tools use.

Where an operation needs the name of a thing, one that nobody has: AWS looks at the permission
first, and says only to who has it that there is no such thing. Nothing is started or changed.
"""

import time
from typing import Any

Operation = tuple[str, str]
"""Service as the client names it, and operation, as in `graph.tools.aws.guard.READS`."""
Parameters = dict[str, Any]
NOWHERE = "netforge-doctor"
NO_QUERY = "00000000-0000-0000-0000-000000000000"
_IN_POLICY = {
    "elbv2": "elasticloadbalancing",
    "resourcegroupstaggingapi": "tag",
}
"""What a service is called in a policy, where the client calls it otherwise."""


def in_policy(operation: Operation) -> str:
    """The operation as a policy names it, such as `tag:GetResources`."""
    service, name = operation
    return f"{_IN_POLICY.get(service, service)}:{name}"


def asked(region: str, caller: str) -> dict[Operation, Parameters]:
    """The questions, in that region and the account of the caller (an ARN)."""
    _, partition, _, _, account, *_ = caller.split(":")
    target_group = (
        f"arn:{partition}:elasticloadbalancing:{region}:{account}:"
        f"targetgroup/{NOWHERE}/0123456789abcdef"
    )
    end = int(time.time())
    query = {"startTime": end - 60, "endTime": end, "queryString": "limit 1"}
    metric = {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization"}
    values = {
        "StartTime": end - 600,
        "EndTime": end,
        "MetricDataQueries": [
            {"Id": "asked", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Average"}}
        ],
    }
    return {
        ("cloudwatch", "DescribeAlarms"): {"MaxRecords": 1},
        ("cloudwatch", "DescribeAlarmHistory"): {"MaxRecords": 1},
        ("cloudwatch", "GetMetricData"): values,
        ("cloudwatch", "ListMetrics"): metric,
        ("logs", "DescribeLogGroups"): {"limit": 1},
        ("logs", "StartQuery"): {"logGroupName": NOWHERE, **query},
        ("logs", "GetQueryResults"): {"queryId": NO_QUERY},
        ("logs", "StopQuery"): {"queryId": NO_QUERY},
        ("cloudtrail", "LookupEvents"): {"MaxResults": 1},
        ("resourcegroupstaggingapi", "GetResources"): {"ResourcesPerPage": 1},
        ("ec2", "DescribeInstances"): {"MaxResults": 5},
        ("ec2", "DescribeInstanceStatus"): {"MaxResults": 5},
        ("ecs", "ListClusters"): {"maxResults": 1},
        ("ecs", "ListServices"): {"cluster": NOWHERE},
        ("ecs", "DescribeServices"): {"cluster": NOWHERE, "services": [NOWHERE]},
        ("rds", "DescribeDBInstances"): {"MaxRecords": 20},
        ("rds", "DescribeEvents"): {"MaxRecords": 20},
        ("elbv2", "DescribeTargetGroups"): {"PageSize": 1},
        ("elbv2", "DescribeTargetHealth"): {"TargetGroupArn": target_group},
        ("lambda", "GetFunctionConfiguration"): {"FunctionName": NOWHERE},
        ("autoscaling", "DescribeAutoScalingGroups"): {"MaxRecords": 1},
        ("autoscaling", "DescribeScalingActivities"): {"MaxRecords": 1},
    }
