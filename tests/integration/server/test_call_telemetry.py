"""Spans and durations of calls, however they end."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from digits.tokens import Tokens
from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_server.api.auth import Authenticator
from digits_server.api.message_reader import MessageReader
from digits_server.api.methods import Methods
from digits_server.app import SERVICE, SERVICES
from digits_server.errors import InvalidArgumentError
from digits_server.inference.admission import Admission, AdmissionLimits
from digits_server.ops import telemetry
from digits_server.ops.health import HealthServicer
from digits_server.ops.metrics import Metrics
from tests.integration.server.otlp_collector import Collector, running_collector, values

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER_SPAN_ID = "00f067aa0ba902b7"
TRACEPARENT = (("traceparent", f"00-{TRACE_ID}-{CALLER_SPAN_ID}-01"),)
# Larger than the flow-control window of a caller that does not read.
LARGE = pb.StreamingRecognizeResponse(predictions=[pb.Prediction(frame=bytes(100_000))])


class Servicer(pb_grpc.RecognizerServiceServicer):
    """Ends calls in every way that a call can end."""

    def __init__(self) -> None:
        self.telemetry: telemetry.Telemetry
        self.entered = asyncio.Event()
        self.exited = asyncio.Event()

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
            self.exited.set()
        return pb.GetModelResponse()

    async def StreamingRecognize(  # noqa: N802
        self, request_iterator: AsyncIterator[Any], _: Any
    ) -> AsyncGenerator[pb.StreamingRecognizeResponse, None]:
        try:
            async for request in request_iterator:
                yield pb.StreamingRecognizeResponse(sequence=request.sequence)
                while request.include_frame:
                    self.entered.set()
                    yield LARGE
        finally:
            self.exited.set()


@dataclass(frozen=True)
class Instrumented:
    """A server with telemetry, and its client."""

    stub: Any
    channel: grpc.aio.Channel
    servicer: Servicer


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    async with running_collector(monkeypatch) as running:
        yield running


@asynccontextmanager
async def run_instrumented(
    authenticator: Authenticator | None = None,
) -> AsyncIterator[Instrumented]:
    """Run a server that handles calls as ``app.py`` does; exiting flushes its telemetry."""
    servicer = Servicer()
    metrics = Metrics()
    admission = Admission(AdmissionLimits(100, 1_000_000, 10, 10), metrics)
    servicer.telemetry = telemetry.start(SERVICES)
    methods: Any = Methods(
        metrics, admission, MessageReader(1, metrics), authenticator, servicer.telemetry.wrap
    )
    pb_grpc.add_RecognizerServiceServicer_to_server(servicer, methods)
    health_pb2_grpc.add_HealthServicer_to_server(HealthServicer(SERVICES), methods)
    server = grpc.aio.server(handlers=[methods])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Instrumented(pb_grpc.RecognizerServiceStub(channel), channel, servicer)
            # A caller has its status before the handler ends, and with it the span.
            if handling := [task for task in asyncio.all_tasks() if SERVICE in task.get_name()]:
                await asyncio.wait(handling)
    finally:
        await server.stop(0)
        await servicer.telemetry.shutdown()


async def code_of(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code()


VALID = pb.RecognizeRequest(image=pb.Image(encoded=b"x"))


async def test_a_call_is_a_span_in_the_callers_trace(collector: Collector) -> None:
    async with run_instrumented() as started:
        await started.stub.Recognize(VALID, metadata=TRACEPARENT)
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


async def test_a_call_without_a_valid_traceparent_starts_a_trace(collector: Collector) -> None:
    async with run_instrumented() as started:
        await started.stub.Recognize(VALID, metadata=(("traceparent", "invalid"),))
    assert any(collector.span.trace_id)
    assert collector.span.parent_span_id == b""


async def test_a_step_of_a_call_is_a_child_of_its_span(collector: Collector) -> None:
    async with run_instrumented() as started:
        await started.stub.Recognize(VALID)
    [step] = [span for span in collector.spans if span.name == "frame"]
    assert step.parent_span_id == collector.span.span_id
    assert step.trace_id == collector.span.trace_id


async def test_an_invalid_request_has_its_status_and_does_not_mark_the_span_as_failed(
    collector: Collector,
) -> None:
    async with run_instrumented() as started:
        await code_of(started.stub.Recognize(pb.RecognizeRequest()))
    outcome = values(collector.span.attributes)
    assert outcome["rpc.response.status_code"] == "INVALID_ARGUMENT"
    assert "error.type" not in outcome
    assert collector.span.status.code == Status.STATUS_CODE_UNSET


async def test_an_exception_marks_the_span_as_failed_without_its_text(
    collector: Collector,
) -> None:
    async with run_instrumented() as started:
        await code_of(started.stub.RecognizeBatch(pb.RecognizeBatchRequest()))
    outcome = values(collector.span.attributes)
    assert outcome["rpc.response.status_code"] == outcome["error.type"] == "INTERNAL"
    assert collector.span.status.code == Status.STATUS_CODE_ERROR
    assert b"secret" not in collector.span.SerializeToString()


@pytest.mark.parametrize("method", ["Recognize", "StreamingRecognize"])
async def test_an_unauthenticated_call_has_a_span(
    collector: Collector, tmp_path: Any, method: str
) -> None:
    (tmp_path / "tokens").write_text("a-token-that-is-long-enough-for-the-server\n")
    authenticator = Authenticator(Tokens(tmp_path / "tokens", 300), (), Metrics())
    async with run_instrumented(authenticator) as started:
        if method == "Recognize":
            code = await code_of(started.stub.Recognize(VALID))
        else:
            code = await code_of(started.stub.StreamingRecognize().read())
    assert code == grpc.StatusCode.UNAUTHENTICATED
    assert collector.span.name == f"{SERVICE}/{method}"
    assert values(collector.span.attributes)["rpc.response.status_code"] == "UNAUTHENTICATED"


async def test_a_call_that_its_caller_cancels_is_cancelled(collector: Collector) -> None:
    async with run_instrumented() as started:
        call = started.stub.GetModel(pb.GetModelRequest())
        await started.servicer.entered.wait()
        call.cancel()
        await started.servicer.exited.wait()
    assert values(collector.span.attributes)["rpc.response.status_code"] == "CANCELLED"
    assert collector.span.status.code == Status.STATUS_CODE_UNSET


async def test_a_call_whose_deadline_passes_has_its_status_and_marks_the_span_as_failed(
    collector: Collector,
) -> None:
    for timeout in (0.2, 0.2, 0.2, 2, 2, 2, 20):
        collector.spans.clear()
        async with run_instrumented() as started:
            await code_of(started.stub.GetModel(pb.GetModelRequest(), timeout=timeout))
            if not started.servicer.entered.is_set():
                continue  # the call did not arrive in time
            await started.servicer.exited.wait()
        # The client's cancellation may also arrive before the server's own deadline.
        if values(collector.span.attributes)["rpc.response.status_code"] != "CANCELLED":
            break
    assert values(collector.span.attributes)["rpc.response.status_code"] == "DEADLINE_EXCEEDED"
    assert collector.span.status.code == Status.STATUS_CODE_ERROR


async def test_a_stream_is_one_span_and_behaves_as_without_telemetry(collector: Collector) -> None:
    async with run_instrumented() as started:
        call = started.stub.StreamingRecognize()
        for sequence in (1, 2):
            await call.write(pb.StreamingRecognizeRequest(sequence=sequence))
            assert (await call.read()).sequence == sequence
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() == grpc.StatusCode.OK
    assert collector.span.name == f"{SERVICE}/StreamingRecognize"
    assert values(collector.span.attributes)["rpc.response.status_code"] == "OK"


async def test_cancelling_a_stream_while_it_sends_ends_its_span_at_once(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    async with run_instrumented() as started:
        call = started.stub.StreamingRecognize()
        await call.write(pb.StreamingRecognizeRequest(include_frame=True))
        await started.servicer.entered.wait()
        call.cancel()
        await started.servicer.exited.wait()
    assert values(collector.span.attributes)["rpc.response.status_code"] == "CANCELLED"
    assert not [record for record in caplog.records if record.name.startswith("opentelemetry")]


async def test_health_checks_have_no_spans_and_metrics(collector: Collector) -> None:
    async with run_instrumented() as started:
        await health_pb2_grpc.HealthStub(started.channel).Check(health_pb2.HealthCheckRequest())
    assert not collector.spans
    assert not collector.metrics


async def test_durations_are_recorded_by_method_and_status(collector: Collector) -> None:
    async with run_instrumented() as started:
        for request in (VALID, VALID, pb.RecognizeRequest()):
            with contextlib.suppress(grpc.aio.AioRpcError):
                await started.stub.Recognize(request)
        await code_of(started.stub.RecognizeBatch(pb.RecognizeBatchRequest()))
    [metric] = collector.metrics
    assert (metric.name, metric.unit) == ("rpc.server.call.duration", "s")
    counts = {
        tuple(sorted(values(point.attributes).items())): point.count
        for point in metric.histogram.data_points
    }
    system, recognize = ("rpc.system.name", "grpc"), ("rpc.method", f"{SERVICE}/Recognize")
    assert counts == {
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
