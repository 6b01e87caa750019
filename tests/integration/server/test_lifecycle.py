"""A server from its first health check to its last call."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

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


REFLECTIONS = [f"grpc.reflection.{version}.ServerReflection" for version in ("v1", "v1alpha")]


@pytest.mark.parametrize("service", REFLECTIONS)
async def test_reflection_has_the_services_and_their_descriptors_in_both_versions(
    running_server: Any, service: str
) -> None:
    call = running_server.channel.stream_stream(
        f"/{service}/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )()
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    response = await call.read()
    names = [listed.name for listed in response.list_services_response.service]
    assert {SERVICE, "grpc.health.v1.Health", *REFLECTIONS} <= set(names)
    for name in names:
        await call.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=name))
        content, *_ = (await call.read()).file_descriptor_response.file_descriptor_proto
        file = FileDescriptorProto.FromString(content)
        assert name in [f"{file.package}.{found.name}" for found in file.service]
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
