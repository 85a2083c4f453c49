"""The tools on AWS: alarms, metrics, logs and the health of resources, read-only."""

from langchain_core.tools import BaseTool

from graph.tools.aws.alarms import Alarms
from graph.tools.aws.client import SOURCE, Aws
from graph.tools.aws.logs import Logs
from graph.tools.aws.metrics import Metrics
from graph.tools.aws.resources import Resources
from graph.tools.question import Question, tools_on


def aws_tools(aws: Aws) -> list[BaseTool]:
    """The tools on that reader of AWS."""
    questions: list[Question] = [
        Alarms(aws).aws_alarms,
        Metrics(aws).aws_metrics,
        Logs(aws).aws_logs,
        Resources(aws).aws_resource_health,
    ]
    return tools_on(SOURCE, questions)
