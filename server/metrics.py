"""The metrics of one application, for Prometheus; docs/metrics.md lists them.

They count what this process did since its start. The backlog alone is read from the database
when it is asked for, and is that of all processes. Every label has few values: names of nodes,
tools, sources, roles and routes of ours, never anything that a caller or a model wrote.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.observers import Observer, Work
from graph.run import Run
from graph.runtime import Runtime
from graph.state import Exchange, Receipt, ReceiptStatus
from graph.storage import STORAGE_ERRORS, in_one_line

logger = logging.getLogger("netforge.metrics")

ANSWER_SECONDS = (0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600)
CALL_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 90)
DATABASE_LIMIT_S = 3.0
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNKNOWN = "unknown"
"""The source of a tool call that broke off before its answer said which."""
OTHER = "other"
"""The route and the method of a request that are none of ours."""
_AWAY: tuple[type[Exception], ...] = (TimeoutError, *STORAGE_ERRORS)


class Metrics(Observer):
    """Counts, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def counter(name: str, says: str, *labels: str) -> Counter:
            return Counter(f"netforge_{name}", says, labels, registry=registry)

        def histogram(name: str, says: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"netforge_{name}", says, labels, registry=registry, buckets=buckets)

        def gauge(name: str, says: str, *labels: str) -> Gauge:
            return Gauge(f"netforge_{name}", says, labels, registry=registry)

        self._turns = counter("turns", "Turns that ended", "status", "origin")
        self._answers = histogram(
            "turn_duration_seconds", "From the question to its end", ANSWER_SECONDS, "status"
        )
        self._steps = counter("steps", "Visits of a node", "node")
        self._tools = counter("tool_calls", "Tool calls that ran", "tool", "source", "status")
        self._tool_seconds = histogram(
            "tool_call_duration_seconds", "Of one tool call", CALL_SECONDS, "tool"
        )
        self._models = counter("model_calls", "Model calls, retries inside", "role", "status")
        self._model_seconds = histogram(
            "model_call_duration_seconds", "Of one model call", CALL_SECONDS, "role"
        )
        self._tokens = counter("model_tokens", "Tokens of answers", "role", "direction")
        self._cost = counter("model_cost_usd", "Cost of answers in US dollars", "role")
        self._unpriced = counter("model_unpriced_calls", "Answers of unknown cost", "role")
        self._enrichments = counter("enrichments", "Enrichments that ended", "status")
        self._requests = counter("http_requests", "Answers over HTTP", "method", "route", "status")
        self._database = gauge("database_up", "Whether the backlog could be read")
        self._jobs = gauge("enrichment_jobs", "Enrichments that wait or run, of all", "state")
        self._unfinished = gauge("turns_unfinished", "Turns that wait or run, of all", "status")
        for status in get_args(ReceiptStatus):
            if status != "pending":
                self._enrichments.labels(status)

    def visit_ended(self, work: Work | None, node: str) -> None:  # noqa: ARG002 (an Observer's)
        """Count a step."""
        self._steps.labels(node).inc()

    def exchange_ended(self, work: Work | None, exchange: Exchange) -> None:  # noqa: ARG002
        """Count a call of a tool or a model."""
        name, status = exchange["name"], _status(exchange)
        measured = exchange["measured"]
        if exchange["kind"] == "tool":
            self._tools.labels(name, measured.get("source", UNKNOWN), status).inc()
            self._tool_seconds.labels(name).observe(exchange["seconds"])
        elif exchange["kind"] == "model":
            self._models.labels(name, status).inc()
            self._model_seconds.labels(name).observe(exchange["seconds"])
            if status == "ok":
                self._answered(name, measured)

    def run_ended(self, run: Run) -> None:
        """Count a turn."""
        self._turns.labels(run["status"], run["origin"]).inc()
        taken = datetime.now(UTC) - datetime.fromisoformat(run["asked_at"])
        # The clock of another process may be ahead.
        self._answers.labels(run["status"]).observe(max(0.0, taken.total_seconds()))

    def receipt_kept(self, work: Work | None, receipt: Receipt) -> None:  # noqa: ARG002
        """Count an enrichment that has ended."""
        if receipt["status"] != "pending":
            self._enrichments.labels(receipt["status"]).inc()

    def request_answered(self, method: str, route: str | None, status: int) -> None:
        """Count an answer over HTTP, when it begins."""
        known = method if method in METHODS else OTHER
        self._requests.labels(known, route or OTHER, str(status)).inc()

    async def text(self, runtime: Runtime) -> bytes:
        """Everything, in Prometheus' text format, with the backlog as it is now."""
        self._jobs.clear()
        self._unfinished.clear()
        try:
            async with asyncio.timeout(DATABASE_LIMIT_S):
                jobs = await runtime.queue.count() if runtime.queue else {}
                unfinished = await runtime.runs.count_unfinished()
        except _AWAY as error:
            logger.warning("the backlog cannot be read: %s", in_one_line(error))
            self._database.set(0)
        else:
            self._database.set(1)
            for state, count in jobs.items():
                self._jobs.labels(state).set(count)
            for status, count in unfinished.items():
                self._unfinished.labels(status).set(count)
        return generate_latest(self._registry)

    def _answered(self, role: str, measured: Mapping[str, Any]) -> None:
        for direction in ("input", "output"):
            self._tokens.labels(role, direction).inc(measured[f"{direction}_tokens"])
        if measured["cost_usd"] is None:
            self._unpriced.labels(role).inc()
        else:
            self._cost.labels(role).inc(measured["cost_usd"])


class CountedRequests:
    """The middleware that counts; a route is called as it is written, `/v1/runs/{run_id}`."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and count it. What breaks before an answer becomes one with 500 further out."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        begun = False

        def count(status: int) -> None:
            nonlocal begun
            begun = True
            route = getattr(scope.get("route"), "path", None)
            self._metrics.request_answered(scope["method"], route, status)

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                count(message["status"])
            await send(message)

        try:
            return await self._app(scope, receive, send_counted)
        finally:
            if not begun:
                count(500)


def _status(exchange: Exchange) -> str:
    """How it went; of a model that failed the kind of the failure (`graph.models.failure`)."""
    if exchange["status"] == "error" and (exchange["error"] or "").startswith("CancelledError"):
        return "cancelled"
    return str(exchange["measured"].get("kind", exchange["status"]))
