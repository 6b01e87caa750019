"""A server from its first health check to its last call."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from digits.v1 import recognizer_pb2 as pb
from digits_server.app import SERVICE
from digits_server.errors import BindError

ImageOf = Callable[[int], pb.Image]
Status = health_pb2.HealthCheckResponse


@pytest.mark.parametrize("name", ["", SERVICE])
async def test_a_running_server_is_serving_in_check_and_watch(
    running_server: Any, name: str
) -> None:
    health = health_pb2_grpc.HealthStub(running_server.channel)
    request = health_pb2.HealthCheckRequest(service=name)
    assert (await health.Check(request)).status == Status.SERVING
    watch = health.Watch(request)
    assert (await watch.read()).status == Status.SERVING
    watch.cancel()


async def test_the_health_of_an_unknown_service_is_not_found(running_server: Any) -> None:
    health = health_pb2_grpc.HealthStub(running_server.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health.Check(health_pb2.HealthCheckRequest(service="other"))
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


async def test_reflection_lists_the_services(running_server: Any) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(running_server.channel)
    call = stub.ServerReflectionInfo()
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    response = await call.read()
    names = {service.name for service in response.list_services_response.service}
    assert {SERVICE, "grpc.health.v1.Health"} <= names
    await call.done_writing()


async def test_a_port_in_use_is_an_error_and_is_not_shared(
    running_server: Any, run_server: Any
) -> None:
    port = int(running_server.server.address.rpartition(":")[2])
    with pytest.raises(BindError, match=f":{port}"):
        async with run_server(port=port):
            pass


async def test_draining_reports_not_serving_and_finishes_the_calls_in_flight(
    running_server: Any, image_of: ImageOf
) -> None:
    health = health_pb2_grpc.HealthStub(running_server.channel)
    watch = health.Watch(health_pb2.HealthCheckRequest())
    assert (await watch.read()).status == Status.SERVING
    running_server.engine.free.clear()
    working = running_server.stub.Recognize(pb.RecognizeRequest(image=image_of(5)))
    await asyncio.to_thread(running_server.engine.entered.acquire)
    draining = asyncio.create_task(running_server.server.drain(0, 30))
    assert (await watch.read()).status == Status.NOT_SERVING
    watch.cancel()
    running_server.engine.free.set()
    assert (await working).predictions[0].digit == 5
    await draining
