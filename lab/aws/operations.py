"""Which function answers which operation of which service (boto3's names)."""

from collections.abc import Callable

from lab.aws.answers import (
    alarms,
    balancers,
    containers,
    databases,
    functions,
    identity,
    insights,
    logs,
    machines,
    metrics,
    revisions,
    scaling,
    tags,
    tasks,
    trail,
)
from lab.aws.scene import Parameters, Result, Scene

Answer = Callable[[Scene, Parameters], Result]

ANSWERS: dict[tuple[str, str], Answer] = {
    ("sts", "GetCallerIdentity"): identity.caller,
    ("cloudwatch", "ListMetrics"): metrics.list_metrics,
    ("cloudwatch", "GetMetricData"): metrics.metric_data,
    ("cloudwatch", "GetMetricStatistics"): metrics.metric_statistics,
    ("cloudwatch", "DescribeAlarms"): alarms.describe,
    ("cloudwatch", "DescribeAlarmHistory"): alarms.history,
    ("logs", "DescribeLogGroups"): logs.groups,
    ("logs", "FilterLogEvents"): logs.events,
    ("logs", "StartQuery"): insights.start,
    ("logs", "GetQueryResults"): insights.results,
    ("logs", "StopQuery"): insights.stop,
    ("cloudtrail", "LookupEvents"): trail.look_up,
    ("resourcegroupstaggingapi", "GetResources"): tags.resources,
    ("ec2", "DescribeInstances"): machines.describe_instances,
    ("ec2", "DescribeInstanceStatus"): machines.describe_status,
    ("ecs", "ListClusters"): containers.list_clusters,
    ("ecs", "DescribeClusters"): containers.describe_clusters,
    ("ecs", "ListServices"): containers.list_services,
    ("ecs", "DescribeServices"): containers.describe_services,
    ("ecs", "ListTasks"): tasks.list_tasks,
    ("ecs", "DescribeTasks"): tasks.describe_tasks,
    ("ecs", "DescribeTaskDefinition"): revisions.describe,
    ("rds", "DescribeDBInstances"): databases.describe,
    ("rds", "DescribeEvents"): databases.events,
    ("elbv2", "DescribeLoadBalancers"): balancers.load_balancers,
    ("elbv2", "DescribeTargetGroups"): balancers.target_groups,
    ("elbv2", "DescribeTargetHealth"): balancers.target_health,
    ("lambda", "ListFunctions"): functions.list_functions,
    ("lambda", "GetFunctionConfiguration"): functions.configuration,
    ("lambda", "GetFunction"): functions.function,
    ("autoscaling", "DescribeAutoScalingGroups"): scaling.groups,
    ("autoscaling", "DescribeScalingActivities"): scaling.activities,
    ("application-autoscaling", "DescribeScalingActivities"): scaling.no_activities,
}
