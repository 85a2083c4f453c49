"""The tools on Datadog: monitors, metrics, logs, spans, incidents and SLOs, read-only."""

from langchain_core.tools import BaseTool

from graph.tools.datadog.client import SOURCE, Datadog
from graph.tools.datadog.incidents import Incidents
from graph.tools.datadog.logs import Logs
from graph.tools.datadog.metric_names import MetricNames
from graph.tools.datadog.metrics import Metrics
from graph.tools.datadog.monitors import Monitors
from graph.tools.datadog.objectives import Objectives
from graph.tools.datadog.spans import Spans
from graph.tools.question import Question, tools_on


def datadog_tools(datadog: Datadog) -> list[BaseTool]:
    """The tools on that reader of Datadog."""
    questions: list[Question] = [
        Monitors(datadog).search_monitors,
        MetricNames(datadog).find_metrics,
        Metrics(datadog).query_metrics,
        Logs(datadog).search_logs,
        Spans(datadog).search_spans,
        Incidents(datadog).search_incidents,
        Objectives(datadog).get_slo_status,
    ]
    return tools_on(SOURCE, questions)
