"""OpenTelemetry, seen by a collector."""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import (
    metrics_service_pb2,
    metrics_service_pb2_grpc,
)
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from digits.v1 import recognizer_pb2 as pb
from digits_server.telemetry import TelemetryError

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector:
    """Keeps what is sent to it."""

    def __init__(self) -> None:
        self.resources: list[Any] = []
        self.spans: list[Any] = []
        self.points: dict[str, list[Any]] = {}


class Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    async def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
        for of_resource in request.resource_spans:
            self._collector.resources.append(of_resource.resource)
            for of_scope in of_resource.scope_spans:
                self._collector.spans += of_scope.spans
        return trace_service_pb2.ExportTraceServiceResponse()


class Measures(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    async def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
        for of_resource in request.resource_metrics:
            for of_scope in of_resource.scope_metrics:
                for metric in of_scope.metrics:
                    points = getattr(metric, metric.WhichOneof("data")).data_points
                    self._collector.points.setdefault(metric.name, []).extend(points)
        return metrics_service_pb2.ExportMetricsServiceResponse()


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    kept = Collector()
    server = grpc.aio.server()
    add_traces: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    add_traces(Traces(kept), server)
    add_measures: Any = metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server
    add_measures(Measures(kept), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    yield kept
    await server.stop(None)


def attributes(of: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in of.attributes}


async def test_each_call_is_a_span_of_the_callers_trace_and_is_measured(
    run_server: Any, collector: Collector, image_of: Any
) -> None:
    async with run_server(telemetry="otlp") as started:
        await started.stub.Recognize(
            pb.RecognizeRequest(image=image_of(1)),
            metadata=(("traceparent", f"00-{TRACE}-{PARENT}-01"),),
        )
        with pytest.raises(grpc.aio.AioRpcError):
            await started.stub.Recognize(pb.RecognizeRequest())
        stream = started.stub.StreamingRecognize()
        await stream.write(pb.StreamingRecognizeRequest(sequence=1, image=image_of(2)))
        await stream.done_writing()
        assert (await stream.read()).sequence == 1
        assert await stream.code() == grpc.StatusCode.OK
        health = health_pb2_grpc.HealthStub(started.channel)
        await health.Check(health_pb2.HealthCheckRequest())
    # What was left was sent when the server ended.
    recognize = "digits.v1.RecognizerService/Recognize"
    named = [
        (span.name.removeprefix("/"), attributes(span)["rpc.grpc.status_code"])
        for span in collector.spans
    ]
    assert sorted(named) == [
        (recognize, 0),
        (recognize, grpc.StatusCode.INVALID_ARGUMENT.value[0]),
        ("digits.v1.RecognizerService/StreamingRecognize", 0),
    ]
    of_the_trace = [span for span in collector.spans if span.trace_id.hex() == TRACE]
    assert [span.parent_span_id.hex() for span in of_the_trace] == [PARENT]
    assert attributes(collector.resources[0])["service.name"] == "digits-server"
    durations = {
        (attributes(point)["rpc.method"], attributes(point)["rpc.response.status_code"])
        for point in collector.points["rpc.server.call.duration"]
    }
    assert {(recognize, "OK"), (recognize, "INVALID_ARGUMENT")} <= durations
    assert collector.points["digits_model_version"][-1].as_int == 7 or (
        collector.points["digits_model_version"][-1].as_double == 7
    )


async def test_a_collector_that_is_away_holds_up_nothing(
    run_server: Any, image_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    async with asyncio.timeout(30):
        async with run_server(telemetry="otlp") as started:
            response = await started.stub.Recognize(pb.RecognizeRequest(image=image_of(1)))
            assert response.predictions[0].digit == 1


async def test_without_the_extra_it_says_what_to_install(
    run_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation.grpc", None)
    with pytest.raises(TelemetryError, match=r"pip install 'digits\[otel\]'"):
        async with run_server(telemetry="otlp"):
            pass
