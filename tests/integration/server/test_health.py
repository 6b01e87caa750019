"""The standard health service: Check, Watch, List, liveness, and what it says of models."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from digits_server.app import SERVICES

Status = health_pb2.HealthCheckResponse


def ask(name: str) -> health_pb2.HealthCheckRequest:
    return health_pb2.HealthCheckRequest(service=name)


@pytest.fixture
def health(running_server: Any) -> Any:
    return health_pb2_grpc.HealthStub(running_server.channel)


@pytest.mark.parametrize("name", ["", "readiness", "liveness", *SERVICES])
async def test_every_name_is_serving(health: Any, name: str) -> None:
    assert (await health.Check(ask(name))).status == Status.SERVING


async def test_a_name_that_is_not_known_is_not_found_and_watched_as_unknown(health: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health.Check(ask("no.such.Service"))
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    watch = health.Watch(ask("no.such.Service"))
    assert (await watch.read()).status == Status.SERVICE_UNKNOWN
    watch.cancel()


async def test_while_draining_the_process_is_alive_and_not_ready(
    running_server: Any, health: Any
) -> None:
    draining = asyncio.create_task(running_server.server.drain(3600, 0))
    watch = health.Watch(ask(""))
    while (await watch.read()).status != Status.NOT_SERVING:
        pass
    assert (await health.Check(ask("readiness"))).status == Status.NOT_SERVING
    assert (await health.Check(ask("liveness"))).status == Status.SERVING
    assert running_server.count("digits_ready") == 0
    draining.cancel()


async def test_watching_ends_with_the_server_and_does_not_hold_it_up(
    running_server: Any, health: Any
) -> None:
    watch = health.Watch(ask(""))
    assert (await watch.read()).status == Status.SERVING
    async with asyncio.timeout(10):
        await running_server.server.drain(0, 3600)
        assert (await watch.read()).status == Status.NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError, match="the server is stopping") as caught:
            await watch.read()
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_the_list_tells_of_models_too(running_server: Any, health: Any) -> None:
    running_server.server.update_models(None, {"8": "it is half copied"})
    statuses = (await health.List(health_pb2.HealthListRequest())).statuses
    assert {name: answer.status for name, answer in statuses.items()} == {
        **dict.fromkeys(("", "readiness", "liveness", *SERVICES), Status.SERVING),
        "model/7": Status.SERVING,
        "model/8": Status.NOT_SERVING,
    }
    running_server.server.update_models(None, {})
    statuses = (await health.List(health_pb2.HealthListRequest())).statuses
    assert "model/8" not in statuses
