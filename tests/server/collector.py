"""A double of an OpenTelemetry collector, on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from lab.serving import listening


@dataclass
class Collector:
    """What it was sent."""

    url: str = ""
    hangs: bool = False
    paths: list[str] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    services: set[str] = field(default_factory=set)

    def named(self, start: str) -> list[Span]:
        return [span for span in self.spans if span.name.startswith(start)]

    async def answer(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        body = await request.read()
        self.bodies.append(body)
        if self.hangs:
            await asyncio.Event().wait()
        sent = ExportTraceServiceRequest.FromString(body)
        for group in sent.resource_spans:
            self.services.add(attributes(group.resource)["service.name"].string_value)
            for scope in group.scope_spans:
                self.spans.extend(scope.spans)
        return web.Response()


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """A collector; `url` is what OTEL_EXPORTER_OTLP_ENDPOINT takes."""
    collector = Collector()
    async with listening(collector.answer) as address:
        collector.url = address
        yield collector


def attributes(of: object) -> dict[str, AnyValue]:
    return {entry.key: entry.value for entry in of.attributes}  # type: ignore[attr-defined]


def plain(span: Span) -> dict[str, str | int]:
    """Its attributes as they were set."""
    return {
        name: value.int_value if value.HasField("int_value") else value.string_value
        for name, value in attributes(span).items()
    }
