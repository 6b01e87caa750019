"""Draining from NOT_SERVING to the last call in flight, and binding addresses."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_server.api.open_calls import OpenCalls
from digits_server.app import SERVICE
from digits_server.errors import BindError

ImageOf = Callable[[int], pb.Image]
Status = health_pb2.HealthCheckResponse
STREAM = f"/{SERVICE}/StreamingRecognize"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


async def hold(started: Any, image: pb.Image) -> Any:
    """Start a call and block it in the model."""
    started.engine.free.clear()
    call = started.stub.Recognize(pb.RecognizeRequest(image=image))
    await asyncio.to_thread(started.engine.entered.acquire)
    return call


async def until_refused(started: Any) -> None:
    """Make calls until the server refuses them."""
    code = grpc.StatusCode.OK
    while code != grpc.StatusCode.UNAVAILABLE:
        try:
            await started.stub.GetModel(pb.GetModelRequest(), timeout=2)
        except grpc.aio.AioRpcError as error:
            code = error.code()
            # gRPC itself cancels a call that arrives while it stops, or leaves it pending
            # until its deadline.
            assert code in (
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.CANCELLED,
                grpc.StatusCode.DEADLINE_EXCEEDED,
            )


@pytest.mark.parametrize("name", ["", SERVICE])
async def test_a_draining_server_reports_not_serving_and_still_accepts_calls(
    running_server: Any, image_of: ImageOf, name: str
) -> None:
    health = health_pb2_grpc.HealthStub(running_server.channel)
    watch = health.Watch(health_pb2.HealthCheckRequest(service=name))
    assert (await watch.read()).status == Status.SERVING
    draining = asyncio.create_task(running_server.server.drain(3600, 0))
    assert (await watch.read()).status == Status.NOT_SERVING
    check = await health.Check(health_pb2.HealthCheckRequest(service=name))
    assert check.status == Status.NOT_SERVING
    response = await running_server.stub.Recognize(pb.RecognizeRequest(image=image_of(6)))
    assert response.predictions[0].digit == 6
    watch.cancel()
    draining.cancel()


async def test_after_draining_new_calls_are_refused_and_those_in_flight_finish(
    running_server: Any, image_of: ImageOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digits_server.app._IDLE_CHECK_SECONDS", 0.001)
    working = await hold(running_server, image_of(5))
    draining = asyncio.create_task(running_server.server.drain(0, 3600))
    await until_refused(running_server)
    await asyncio.sleep(0.1)  # for many checks whether calls are open
    assert not draining.done()
    running_server.engine.free.set()
    assert (await working).predictions[0].digit == 5
    await draining


async def test_a_server_that_stops_logs_once_what_it_waits_for(
    running_server: Any, image_of: ImageOf, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "digits_server.app")
    working = await hold(running_server, image_of(5))
    draining = asyncio.create_task(running_server.server.drain(0, 3600))
    await until_refused(running_server)
    running_server.engine.free.set()
    await asyncio.gather(working, draining)
    assert caplog.messages.count("stopping; 1 call in flight may take up to 3600 s") == 1


async def test_a_server_with_nothing_to_wait_for_logs_that_it_stops(
    running_server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "digits_server.app")
    await running_server.server.drain(0.01, 3600)
    assert "stopping; new calls are accepted for 0.01 s" in caplog.messages


async def test_large_responses_are_sent_before_the_connections_are_closed(
    run_server: Any, image_of: ImageOf
) -> None:
    request = pb.RecognizeBatchRequest(images=[image_of(7)] * 256, include_frame=True)
    # A caller that receives the responses in many small pieces.
    options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 4096)]
    async with (
        run_server(max_queue_images=8 * 256) as started,
        grpc.aio.insecure_channel(started.server.address, options) as channel,
    ):
        started.engine.free.clear()
        stub = pb_grpc.RecognizerServiceStub(channel)
        calls = [stub.RecognizeBatch(request) for _ in range(8)]
        async with asyncio.timeout(30):
            while started.count("digits_images_in_hand") < 8 * 256:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        draining = asyncio.create_task(started.server.drain(0, 3600))
        await until_refused(started)
        started.engine.free.set()
        assert [len((await call).results) for call in calls] == [256] * 8
        await draining


async def test_calls_that_outlast_the_grace_period_are_cancelled(
    running_server: Any, image_of: ImageOf
) -> None:
    working = await hold(running_server, image_of(5))
    await running_server.server.drain(0, 0)
    with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
        await working
    assert working.done()
    assert await working.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


async def test_a_call_that_no_handler_works_on_does_not_wait_for_the_grace(
    running_server: Any, image_of: ImageOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gRPC queues a call that arrives as the server stops, and never hands it on."""
    monkeypatch.setattr(OpenCalls, "add", lambda _: None)
    lost = await hold(running_server, image_of(5))
    async with asyncio.timeout(60):
        await running_server.server.drain(0, 3600)
    with pytest.raises(grpc.aio.AioRpcError):
        await lost
    assert await lost.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


async def test_a_drawing_gets_its_prediction_before_the_stream_ends(
    running_server: Any, image_of: ImageOf
) -> None:
    running_server.engine.free.clear()
    stream = running_server.stub.StreamingRecognize()
    await stream.write(pb.StreamingRecognizeRequest(image=image_of(6)))
    await asyncio.to_thread(running_server.engine.entered.acquire)
    draining = asyncio.create_task(running_server.server.drain(0, 3600))
    await until_refused(running_server)
    assert not draining.done()
    running_server.engine.free.set()
    assert (await stream.read()).predictions[0].digit == 6
    assert await stream.code() == grpc.StatusCode.UNAVAILABLE
    assert await stream.details() == "the server is stopping"
    await draining


@pytest.mark.parametrize("method", [STREAM, REFLECTION])
async def test_a_stream_that_waits_for_its_caller_ends_when_the_server_drains(
    running_server: Any, method: str
) -> None:
    stream = running_server.channel.stream_stream(method)()
    await stream.wait_for_connection()
    async with asyncio.timeout(60):
        while not running_server.server._open_calls.count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await running_server.server.drain(0, 3600)
    assert await stream.code() == grpc.StatusCode.UNAVAILABLE


async def test_an_address_of_another_machine_cannot_be_bound(run_server: Any) -> None:
    with pytest.raises(BindError, match=r"cannot listen on 192\.0\.2\.1:0"):
        async with run_server(host="192.0.2.1"):
            pass


async def test_an_ipv6_address_is_shown_in_brackets(run_server: Any, image_of: ImageOf) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    async with run_server(host="::1") as started:
        assert started.server.address.startswith("[::1]:")
        response = await started.stub.Recognize(pb.RecognizeRequest(image=image_of(1)))
    assert response.predictions[0].digit == 1
