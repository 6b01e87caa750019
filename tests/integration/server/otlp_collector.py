"""An OTLP collector for tests: the gRPC services that a real one has."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Collector:
    """Keeps what it receives."""

    address: str = ""
    spans: list[Span] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)

    @property
    def span(self) -> Span:
        """The span of the only call."""
        [span] = [span for span in self.spans if span.kind == Span.SPAN_KIND_SERVER]
        return span

    async def export_spans(
        self, request: ExportTraceServiceRequest, _: Any
    ) -> ExportTraceServiceResponse:
        for resource_spans in request.resource_spans:
            self.resources.append(resource_spans.resource)
            for scope_spans in resource_spans.scope_spans:
                self.spans.extend(scope_spans.spans)
        return ExportTraceServiceResponse()

    async def export_metrics(
        self, request: ExportMetricsServiceRequest, _: Any
    ) -> ExportMetricsServiceResponse:
        for resource_metrics in request.resource_metrics:
            self.resources.append(resource_metrics.resource)
            for scope_metrics in resource_metrics.scope_metrics:
                self.metrics.extend(scope_metrics.metrics)
        return ExportMetricsServiceResponse()


@asynccontextmanager
async def running_collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    """Run a collector on a free port, and set the variable that exporters read."""
    collector = Collector()
    server = grpc.aio.server()
    for service, export, request in (
        ("trace.v1.TraceService", collector.export_spans, ExportTraceServiceRequest),
        ("metrics.v1.MetricsService", collector.export_metrics, ExportMetricsServiceRequest),
    ):
        handler: Any = grpc.unary_unary_rpc_method_handler(
            export, request.FromString, lambda response: response.SerializeToString()
        )
        server.add_registered_method_handlers(
            f"opentelemetry.proto.collector.{service}", {"Export": handler}
        )
    collector.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{collector.address}")
    await server.start()
    yield collector
    await server.stop(0)


def values(attributes: Any) -> dict[str, Any]:
    """Return the attributes of a span, data point or resource as a dictionary."""

    def value(attribute: KeyValue) -> Any:
        return getattr(attribute.value, attribute.value.WhichOneof("value") or "string_value")

    return {attribute.key: value(attribute) for attribute in attributes}
