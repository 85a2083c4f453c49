"""Traces over OTLP: a trace for each turn, and one for its enrichment that links to it.

Spans are made when what they tell has ended. A turn's trace has the turn's id, whoever works on
it: so a turn that a second process goes on with is one trace, and its enrichment finds it. What
is sent are names, times, counts and kinds of failures, by OpenTelemetry's conventions for
generative AI as of `opentelemetry-semantic-conventions` 0.66b2; no text.

Imported only where OTEL_EXPORTER_OTLP_ENDPOINT is set.
"""

import asyncio
import hashlib
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from graph.observers import Observer, Work
from graph.run import Run
from graph.state import Exchange, Receipt

AGENT = "netforge"
ANALYST = "netforge-analyst"
SEND_EVERY_MS = 2000
SEND_LIMIT_S = 5.0
END_LIMIT_S = 5.0
NS_PER_S = 1_000_000_000
_SCOPE = InstrumentationScope("netforge")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_ids = RandomIdGenerator()


@asynccontextmanager
async def open_traces(endpoint: str) -> AsyncIterator["Traces"]:
    """An observer that sends spans there, from a thread of its own.

    Headers and certificates are what OpenTelemetry's own variables say. At the end what is left
    is sent; a collector that does not answer is waited for END_LIMIT_S and one request more.
    """
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=SEND_LIMIT_S)
    processor = BatchSpanProcessor(
        exporter,
        max_queue_size=8192,
        schedule_delay_millis=SEND_EVERY_MS,
        max_export_batch_size=512,
        export_timeout_millis=SEND_LIMIT_S * 1000,
    )
    try:
        yield Traces(processor)
    finally:
        # Of itself it waits 30 s; an exporter that is ended refuses what is left.
        limit = threading.Timer(END_LIMIT_S, exporter.shutdown)
        limit.start()
        try:
            await asyncio.to_thread(processor.shutdown)
        finally:
            limit.cancel()


class Traces(Observer):
    """Makes the spans."""

    def __init__(self, processor: SpanProcessor) -> None:
        self._processor = processor
        self._resource = Resource({"service.name": AGENT})

    def exchange_ended(self, work: Work | None, exchange: Exchange) -> None:
        """The span of a call of a model or a tool."""
        if work is None or exchange["kind"] not in ("model", "tool"):
            return
        describe = _model if exchange["kind"] == "model" else _tool
        name, attributes = describe(exchange)
        root = _root(work.id)
        ended_ns = time.time_ns()
        self._send(
            name,
            SpanContext(
                root.trace_id, _ids.generate_span_id(), is_remote=False, trace_flags=_SAMPLED
            ),
            attributes,
            parent=root,
            kind=SpanKind.CLIENT if exchange["kind"] == "model" else SpanKind.INTERNAL,
            status=_status(exchange["status"] == "error"),
            start_time=ended_ns - int(exchange["seconds"] * NS_PER_S),
            end_time=ended_ns,
        )

    def run_ended(self, run: Run) -> None:
        """The span of a turn, round those of its calls."""
        failed = run["status"] != "done"
        attributes = {
            **_agent(AGENT, run["thread_id"]),
            "gen_ai.usage.input_tokens": run["input_tokens"],
            "gen_ai.usage.output_tokens": run["output_tokens"],
            "netforge.run.id": run["run_id"],
            "netforge.run.status": run["status"],
            "netforge.run.origin": run["origin"],
        }
        if failed:
            attributes["error.type"] = run["status"]
        asked_at = datetime.fromisoformat(run["asked_at"])
        self._send(
            f"invoke_agent {AGENT}",
            _root(run["run_id"]),
            attributes,
            kind=SpanKind.INTERNAL,
            status=_status(failed),
            start_time=int(asked_at.timestamp() * NS_PER_S),
            end_time=time.time_ns(),
        )

    def receipt_kept(self, work: Work | None, receipt: Receipt) -> None:
        """The span of an enrichment, when it has ended."""
        if work is None or work.kind != "enrichment" or receipt["status"] == "pending":
            return
        failed = receipt["status"] in ("failed", "timeout")
        attributes = {
            **_agent(ANALYST, work.thread_id),
            "gen_ai.usage.input_tokens": receipt["input_tokens"],
            "gen_ai.usage.output_tokens": receipt["output_tokens"],
            "netforge.run.id": work.run_id,
            "netforge.enrichment.status": receipt["status"],
        }
        if failed:
            attributes["error.type"] = receipt["status"]
        self._send(
            f"invoke_agent {ANALYST}",
            _root(work.id),
            attributes,
            links=[Link(_root(work.run_id))],
            kind=SpanKind.INTERNAL,
            status=_status(failed),
            start_time=work.began_ns,
            end_time=time.time_ns(),
        )

    def _send(
        self, name: str, context: SpanContext, attributes: Mapping[str, Any], **known: Any
    ) -> None:
        span = ReadableSpan(
            name,
            context,
            attributes=attributes,
            resource=self._resource,
            instrumentation_scope=_SCOPE,
            **known,
        )
        self._processor.on_end(span)


def _root(id_: str) -> SpanContext:
    """The place of the span that is round all others of what has that id."""
    span_id = int.from_bytes(hashlib.blake2b(id_.encode(), digest_size=8).digest(), "big")
    return SpanContext(UUID(id_).int, span_id, is_remote=False, trace_flags=_SAMPLED)


def _agent(name: str, thread_id: str) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": name,
        "gen_ai.conversation.id": thread_id,
    }


def _model(exchange: Exchange) -> tuple[str, dict[str, Any]]:
    measured = exchange["measured"]
    provider, _, model = exchange["request"]["model"].partition("/")
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
    }
    if exchange["status"] == "error":
        attributes["error.type"] = measured.get("kind", "_OTHER")
    else:
        for direction in ("input", "output"):
            attributes[f"gen_ai.usage.{direction}_tokens"] = measured[f"{direction}_tokens"]
    return f"chat {model}", attributes


def _tool(exchange: Exchange) -> tuple[str, dict[str, Any]]:
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": exchange["name"],
        "gen_ai.tool.type": "function",
        "netforge.tool.status": exchange["status"],
    }
    if source := exchange["measured"].get("source"):
        attributes["netforge.tool.source"] = source
    if exchange["status"] == "error":
        attributes["error.type"] = "_OTHER"
    return f"execute_tool {exchange['name']}", attributes


def _status(failed: bool) -> Status:
    return Status(StatusCode.ERROR if failed else StatusCode.UNSET)
