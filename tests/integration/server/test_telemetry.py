"""What reaches a collector: a real one, with the services of OTLP, on a free port."""

import asyncio
import contextlib
import logging
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import SERVICE_NAME as HEALTH_SERVICE
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
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_server.api.auth import TokenInterceptor, Tokens
from digits_server.api.interceptors import CallInterceptor
from digits_server.app import SERVICE, SERVICES
from digits_server.errors import InvalidArgumentError
from digits_server.inference.admission import Admission, AdmissionLimits
from digits_server.ops import telemetry
from digits_server.ops.health import HealthServicer
from digits_server.ops.metrics import Metrics

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER_SPAN_ID = "00f067aa0ba902b7"
TRACEPARENT = (("traceparent", f"00-{TRACE_ID}-{CALLER_SPAN_ID}-01"),)
# More than one answer fits into the window of a caller that does not read.
MUCH = pb.StreamingRecognizeResponse(predictions=[pb.Prediction(frame=bytes(100_000))])
Interceptors = list[grpc.aio.ServerInterceptor]


class Servicer(pb_grpc.RecognizerServiceServicer):
    """Ends calls in each way that a call can end."""

    def __init__(self) -> None:
        self.telemetry: telemetry.Telemetry
        self.entered = asyncio.Event()
        self.left = asyncio.Event()

    async def Recognize(self, request: pb.RecognizeRequest, _: Any) -> pb.RecognizeResponse:  # noqa: N802
        if not request.image.encoded:
            raise InvalidArgumentError("image", "is unset")
        with self.telemetry.span("frame"):
            return pb.RecognizeResponse()

    async def RecognizeBatch(self, _: Any, __: Any) -> pb.RecognizeBatchResponse:  # noqa: N802
        raise RuntimeError("a secret")

    async def GetModel(self, _: Any, __: Any) -> pb.GetModelResponse:  # noqa: N802
        self.entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.left.set()
        return pb.GetModelResponse()

    async def StreamingRecognize(  # noqa: N802
        self, request_iterator: AsyncIterator[Any], _: Any
    ) -> AsyncGenerator[pb.StreamingRecognizeResponse, None]:
        try:
            async for request in request_iterator:
                yield pb.StreamingRecognizeResponse(sequence=request.sequence)
                while request.include_frame:
                    self.entered.set()
                    yield MUCH
        finally:
            self.left.set()


@dataclass
class Collector:
    """What has come."""

    address: str = ""
    spans: list[Span] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)

    @property
    def span(self) -> Span:
        """The only span of a call."""
        [span] = [span for span in self.spans if span.kind == Span.SPAN_KIND_SERVER]
        return span

    async def export_spans(
        self, request: ExportTraceServiceRequest, _: Any
    ) -> ExportTraceServiceResponse:
        for of_resource in request.resource_spans:
            self.resources.append(of_resource.resource)
            for of_scope in of_resource.scope_spans:
                self.spans.extend(of_scope.spans)
        return ExportTraceServiceResponse()

    async def export_metrics(
        self, request: ExportMetricsServiceRequest, _: Any
    ) -> ExportMetricsServiceResponse:
        for of_resource in request.resource_metrics:
            self.resources.append(of_resource.resource)
            for of_scope in of_resource.scope_metrics:
                self.metrics.extend(of_scope.metrics)
        return ExportMetricsServiceResponse()


@dataclass(frozen=True)
class Measured:
    """A server whose calls are measured."""

    stub: Any
    channel: grpc.aio.Channel
    servicer: Servicer


RunMeasured = Callable[..., AbstractAsyncContextManager[Measured]]


def values(attributes: Any) -> dict[str, Any]:
    def value(attribute: KeyValue) -> Any:
        return getattr(attribute.value, attribute.value.WhichOneof("value") or "string_value")

    return {attribute.key: value(attribute) for attribute in attributes}


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    collector = Collector()
    server = grpc.aio.server()
    for service, export, request in (
        ("trace.v1.TraceService", collector.export_spans, ExportTraceServiceRequest),
        ("metrics.v1.MetricsService", collector.export_metrics, ExportMetricsServiceRequest),
    ):
        handler: Any = grpc.unary_unary_rpc_method_handler(
            export, request.FromString, lambda answer: answer.SerializeToString()
        )
        server.add_registered_method_handlers(
            f"opentelemetry.proto.collector.{service}", {"Export": handler}
        )
    collector.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{collector.address}")
    await server.start()
    yield collector
    await server.stop(0)


@asynccontextmanager
async def run_measured(inner: Interceptors | None = None) -> AsyncIterator[Measured]:
    """Serve as ``app.py`` does; all that was measured is sent when the context is left."""
    servicer = Servicer()
    metrics = Metrics()
    admission = Admission(AdmissionLimits(100, 1_000_000, 10, 10), metrics)
    servicer.telemetry = telemetry.start(SERVICES)
    server = grpc.aio.server(
        interceptors=[
            servicer.telemetry.interceptor,
            *(inner or []),
            CallInterceptor(metrics, admission),
        ]
    )
    pb_grpc.add_RecognizerServiceServicer_to_server(servicer, server)
    health_pb2_grpc.add_HealthServicer_to_server(HealthServicer(SERVICES), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Measured(pb_grpc.RecognizerServiceStub(channel), channel, servicer)
    finally:
        await server.stop(0)
        await servicer.telemetry.shutdown()


async def test_the_whole_server_sends_spans_and_durations(
    run_server: Any, collector: Collector, image_of: Any
) -> None:
    async with run_server(telemetry="otlp") as started:
        await started.stub.Recognize(pb.RecognizeRequest(image=image_of(1)), metadata=TRACEPARENT)
    assert collector.span.trace_id.hex() == TRACE_ID
    assert "rpc.server.call.duration" in {metric.name for metric in collector.metrics}
    assert "digits_model_version" in {metric.name for metric in collector.metrics}


async def test_the_servers_own_counters_and_gauges_are_sent_too(collector: Collector) -> None:
    metrics = Metrics()
    metrics.model_version.set(7)
    metrics.calls.labels("m", "OK").inc(3)
    metrics.model_seconds.observe(1)
    await telemetry.start(SERVICES, metrics.registry).shutdown()
    sent = {metric.name: metric for metric in collector.metrics}
    assert all(name.startswith("digits_") for name in sent)
    [version] = sent["digits_model_version"].gauge.data_points
    assert version.as_double == 7
    calls = sent["digits_calls"].sum
    assert calls.is_monotonic
    assert [(values(point.attributes), point.as_double) for point in calls.data_points] == [
        ({"method": "m", "code": "OK"}, 3)
    ]
    assert "digits_model_seconds" not in sent


async def code_of(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code()


GOOD = pb.RecognizeRequest(image=pb.Image(encoded=b"x"))


async def test_a_call_is_a_span_of_the_callers_trace(collector: Collector) -> None:
    async with run_measured() as measured:
        await measured.stub.Recognize(GOOD, metadata=TRACEPARENT)
    span = collector.span
    assert span.trace_id.hex() == TRACE_ID
    assert span.parent_span_id.hex() == CALLER_SPAN_ID
    assert span.name == f"{SERVICE}/Recognize"
    assert values(span.attributes) == {
        "rpc.system.name": "grpc",
        "rpc.method": f"{SERVICE}/Recognize",
        "rpc.response.status_code": "OK",
    }
    assert span.status.code == Status.STATUS_CODE_UNSET
    assert span.end_time_unix_nano > span.start_time_unix_nano


async def test_without_a_caller_that_traces_a_call_begins_a_trace(collector: Collector) -> None:
    async with run_measured() as measured:
        await measured.stub.Recognize(GOOD, metadata=(("traceparent", "no such thing"),))
    assert any(collector.span.trace_id)
    assert collector.span.parent_span_id == b""


async def test_a_part_of_a_call_is_a_child_of_its_span(collector: Collector) -> None:
    async with run_measured() as measured:
        await measured.stub.Recognize(GOOD)
    [part] = [span for span in collector.spans if span.name == "frame"]
    assert part.parent_span_id == collector.span.span_id
    assert part.trace_id == collector.span.trace_id


async def test_a_call_that_is_refused_has_its_status_and_is_no_fault_of_the_servers(
    collector: Collector,
) -> None:
    async with run_measured() as measured:
        await code_of(measured.stub.Recognize(pb.RecognizeRequest()))
    outcome = values(collector.span.attributes)
    assert outcome["rpc.response.status_code"] == "INVALID_ARGUMENT"
    assert "error.type" not in outcome
    assert collector.span.status.code == Status.STATUS_CODE_UNSET


async def test_a_call_that_the_server_fails_is_a_failed_span_without_the_errors_text(
    collector: Collector,
) -> None:
    async with run_measured() as measured:
        await code_of(measured.stub.RecognizeBatch(pb.RecognizeBatchRequest()))
    outcome = values(collector.span.attributes)
    assert outcome["rpc.response.status_code"] == outcome["error.type"] == "INTERNAL"
    assert collector.span.status.code == Status.STATUS_CODE_ERROR
    assert b"secret" not in collector.span.SerializeToString()


@pytest.mark.parametrize("method", ["Recognize", "StreamingRecognize"])
async def test_a_refusal_by_a_later_interceptor_is_measured_too(
    collector: Collector, tmp_path: Any, method: str
) -> None:
    (tmp_path / "tokens").write_text("a-token-that-is-long-enough-for-the-server\n")
    tokens = TokenInterceptor(Tokens(tmp_path / "tokens"), {HEALTH_SERVICE}, Metrics())
    async with run_measured([tokens]) as measured:
        if method == "Recognize":
            code = await code_of(measured.stub.Recognize(GOOD))
        else:
            code = await code_of(measured.stub.StreamingRecognize().read())
    assert code == grpc.StatusCode.UNAUTHENTICATED
    assert collector.span.name == f"{SERVICE}/{method}"
    assert values(collector.span.attributes)["rpc.response.status_code"] == "UNAUTHENTICATED"


async def test_a_call_that_its_caller_cancels_ends_as_cancelled(collector: Collector) -> None:
    async with run_measured() as measured:
        call = measured.stub.GetModel(pb.GetModelRequest())
        await measured.servicer.entered.wait()
        call.cancel()
        await measured.servicer.left.wait()
    assert values(collector.span.attributes)["rpc.response.status_code"] == "CANCELLED"
    assert collector.span.status.code == Status.STATUS_CODE_UNSET


async def test_a_call_whose_deadline_passes_ends_as_expired(collector: Collector) -> None:
    async with run_measured() as measured:
        await code_of(measured.stub.GetModel(pb.GetModelRequest(), timeout=0.2))
        await measured.servicer.left.wait()
    assert values(collector.span.attributes)["rpc.response.status_code"] == "DEADLINE_EXCEEDED"
    assert collector.span.status.code == Status.STATUS_CODE_ERROR


async def test_a_stream_is_one_span_and_answers_as_without_it(collector: Collector) -> None:
    async with run_measured() as measured:
        call = measured.stub.StreamingRecognize()
        for sequence in (1, 2):
            await call.write(pb.StreamingRecognizeRequest(sequence=sequence))
            assert (await call.read()).sequence == sequence
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() == grpc.StatusCode.OK
    assert collector.span.name == f"{SERVICE}/StreamingRecognize"
    assert values(collector.span.attributes)["rpc.response.status_code"] == "OK"


async def test_a_caller_that_leaves_while_it_is_answered_ends_the_stream_and_its_span_at_once(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    async with run_measured() as measured:
        call = measured.stub.StreamingRecognize()
        await call.write(pb.StreamingRecognizeRequest(include_frame=True))
        await measured.servicer.entered.wait()
        call.cancel()
        await measured.servicer.left.wait()
    assert values(collector.span.attributes)["rpc.response.status_code"] == "CANCELLED"
    assert not [record for record in caplog.records if record.name.startswith("opentelemetry")]


async def test_health_checks_are_not_measured(collector: Collector) -> None:
    async with run_measured() as measured:
        await health_pb2_grpc.HealthStub(measured.channel).Check(health_pb2.HealthCheckRequest())
    assert not collector.spans
    assert not collector.metrics


async def test_durations_are_counted_by_method_and_status(collector: Collector) -> None:
    async with run_measured() as measured:
        for request in (GOOD, GOOD, pb.RecognizeRequest()):
            with contextlib.suppress(grpc.aio.AioRpcError):
                await measured.stub.Recognize(request)
        await code_of(measured.stub.RecognizeBatch(pb.RecognizeBatchRequest()))
    [metric] = collector.metrics
    assert (metric.name, metric.unit) == ("rpc.server.call.duration", "s")
    counted = {
        tuple(sorted(values(point.attributes).items())): point.count
        for point in metric.histogram.data_points
    }
    system, recognize = ("rpc.system.name", "grpc"), ("rpc.method", f"{SERVICE}/Recognize")
    assert counted == {
        (recognize, ("rpc.response.status_code", "OK"), system): 2,
        (recognize, ("rpc.response.status_code", "INVALID_ARGUMENT"), system): 1,
        (
            ("error.type", "INTERNAL"),
            ("rpc.method", f"{SERVICE}/RecognizeBatch"),
            ("rpc.response.status_code", "INTERNAL"),
            system,
        ): 1,
    }
    assert all(0 < point.sum < 60 for point in metric.histogram.data_points)


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({}, "digits-server"),
        ({"OTEL_SERVICE_NAME": "ours"}, "ours"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs"}, "theirs"),
    ],
)
async def test_the_service_is_named_as_the_environment_says(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], name: str
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    async with run_measured() as measured:
        await measured.stub.Recognize(GOOD)
    assert len(collector.resources) == 2
    for resource in collector.resources:
        described = values(resource.attributes)
        assert described["service.name"] == name
        assert described["service.version"]
        assert described["telemetry.sdk.language"] == "python"


@pytest.fixture
def silent_address() -> Iterator[str]:
    """Of one that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def closed_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("kind", ["silent_address", "closed_address"])
async def test_a_collector_out_of_reach_neither_fails_calls_nor_holds_up_the_end(
    kind: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    address = request.getfixturevalue(kind)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{address}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")  # attempts are under way during the calls
    monkeypatch.setattr(telemetry, "FLUSH_SECONDS", 0.2)
    async with run_measured() as measured:
        for _ in range(20):
            await measured.stub.Recognize(GOOD, timeout=5)
        began = time.monotonic()
    assert time.monotonic() - began < 5  # an exporter alone would try for 10 seconds
    [loss] = [record for record in caplog.records if record.name == telemetry.logger.name]
    assert loss.levelno == logging.WARNING
    assert "is lost" in loss.getMessage()


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "only grpc"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "tar", "tar"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon", "soon"),
    ],
)
def test_a_variable_that_cannot_be_followed_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(telemetry.TelemetryError, match=says):
        telemetry.start(SERVICES)


def test_without_the_extra_one_sentence_says_what_to_install() -> None:
    program = """
import sys
sys.modules["opentelemetry"] = None
from digits_server.errors import ServerError
try:
    import digits_server.ops.telemetry
except ServerError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == (
        "telemetry needs opentelemetry.exporter, which is not installed: "
        "pip install 'digits[otel]'\n"
    )


def test_whoever_does_not_ask_for_telemetry_does_not_load_it() -> None:
    program = "import sys, digits_server.app; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert not [name for name in done.stdout.split() if name.startswith("opentelemetry")]
