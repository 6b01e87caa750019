"""Export of traces and metrics to a real OTLP collector on a free port."""

import asyncio
import logging
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest

from digits.v1 import recognizer_pb2 as pb
from digits_server.app import SERVICE, SERVICES
from digits_server.ops import telemetry
from digits_server.ops.metrics import Metrics
from tests.integration.server.otlp_collector import Collector, running_collector, values

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = (("traceparent", f"00-{TRACE_ID}-00f067aa0ba902b7-01"),)


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    async with running_collector(monkeypatch) as running:
        yield running


async def test_a_complete_server_sends_spans_and_metrics(
    run_server: Any, collector: Collector, image_of: Any
) -> None:
    async with run_server(telemetry="otlp") as started:
        await started.stub.Recognize(pb.RecognizeRequest(image=image_of(1)), metadata=TRACEPARENT)
    assert collector.span.trace_id.hex() == TRACE_ID
    assert "rpc.server.call.duration" in {metric.name for metric in collector.metrics}
    assert "digits_model_version" in {metric.name for metric in collector.metrics}


async def test_a_call_that_a_full_server_rejects_has_a_span(
    run_server: Any, collector: Collector, image_of: Any
) -> None:
    request = pb.RecognizeRequest(image=image_of(1))
    async with run_server(telemetry="otlp", max_queue_images=1) as started:
        started.engine.free.clear()
        working = started.stub.Recognize(request)
        await asyncio.to_thread(started.engine.entered.acquire)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await started.stub.Recognize(request)
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        started.engine.free.set()
        await working
    codes = {values(span.attributes)["rpc.response.status_code"] for span in collector.spans}
    assert codes == {"OK", "RESOURCE_EXHAUSTED"}
    assert {span.name for span in collector.spans} == {f"{SERVICE}/Recognize"}


async def test_the_servers_counters_and_gauges_are_sent(collector: Collector) -> None:
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


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({}, "digits-server"),
        ({"OTEL_SERVICE_NAME": "ours"}, "ours"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs"}, "theirs"),
    ],
)
async def test_the_environment_overrides_the_service_name(
    run_server: Any,
    image_of: Any,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    name: str,
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    async with run_server(telemetry="otlp") as started:
        await started.stub.Recognize(pb.RecognizeRequest(image=image_of(1)))
    assert len(collector.resources) == 2
    for resource in collector.resources:
        attributes = values(resource.attributes)
        assert attributes["service.name"] == name
        assert attributes["service.version"]
        assert attributes["telemetry.sdk.language"] == "python"


@pytest.fixture
def silent_address() -> Iterator[str]:
    """Address of a server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def closed_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("kind", ["silent_address", "closed_address"])
async def test_an_unreachable_collector_fails_no_calls_and_does_not_delay_the_stop(
    kind: str,
    run_server: Any,
    image_of: Any,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    address = request.getfixturevalue(kind)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{address}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")  # so that it exports during the calls
    monkeypatch.setattr(telemetry, "FLUSH_SECONDS", 0.2)
    async with run_server(telemetry="otlp") as started:
        for digit in range(10):
            await started.stub.Recognize(pb.RecognizeRequest(image=image_of(digit)), timeout=5)
        start = time.monotonic()
    assert time.monotonic() - start < 5  # an exporter alone would try for 10 seconds
    [loss] = [record for record in caplog.records if record.name == telemetry.logger.name]
    assert loss.levelno == logging.WARNING
    assert "is lost" in loss.getMessage()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "only grpc"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "tar", "tar"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon", "soon"),
    ],
)
def test_an_unsupported_value_is_an_error(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(telemetry.TelemetryError, match=message):
        telemetry.start(SERVICES)


def test_a_server_without_telemetry_does_not_import_opentelemetry() -> None:
    program = "import sys, digits_server.app; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert not [name for name in done.stdout.split() if name.startswith("opentelemetry")]
