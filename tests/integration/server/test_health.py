"""The standard health service: Check, Watch, List, liveness and models."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from digits_server.app import SERVICES

Status = health_pb2.HealthCheckResponse


def request_for(name: str) -> health_pb2.HealthCheckRequest:
    return health_pb2.HealthCheckRequest(service=name)


@pytest.fixture
def health(running_server: Any) -> Any:
    return health_pb2_grpc.HealthStub(running_server.channel)


@pytest.mark.parametrize("name", ["", "readiness", "liveness", *SERVICES])
async def test_every_name_is_serving(health: Any, name: str) -> None:
    assert (await health.Check(request_for(name))).status == Status.SERVING


async def test_an_unknown_name_is_not_found_by_check_and_unknown_to_watch(health: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health.Check(request_for("no.such.Service"))
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    watch = health.Watch(request_for("no.such.Service"))
    assert (await watch.read()).status == Status.SERVICE_UNKNOWN
    watch.cancel()


async def test_a_draining_server_is_alive_and_not_ready(running_server: Any, health: Any) -> None:
    draining = asyncio.create_task(running_server.server.drain(3600, 0))
    watch = health.Watch(request_for(""))
    while (await watch.read()).status != Status.NOT_SERVING:
        pass
    assert (await health.Check(request_for("readiness"))).status == Status.NOT_SERVING
    assert (await health.Check(request_for("liveness"))).status == Status.SERVING
    assert running_server.count("digits_ready") == 0
    draining.cancel()


async def test_a_watch_ends_with_the_server_and_does_not_delay_its_stop(
    running_server: Any, health: Any
) -> None:
    watch = health.Watch(request_for(""))
    assert (await watch.read()).status == Status.SERVING
    async with asyncio.timeout(10):
        await running_server.server.drain(0, 3600)
        assert (await watch.read()).status == Status.NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError, match="the server is stopping") as caught:
            await watch.read()
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_the_number_of_watches_is_limited(
    health: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digits_server.ops.health._MAX_WATCHES", 2)
    watches = [health.Watch(request_for("")) for _ in range(2)]
    for watch in watches:
        assert (await watch.read()).status == Status.SERVING
    assert await health.Watch(request_for("")).code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    watches[0].cancel()
    while (await (again := health.Watch(request_for(""))).read()) is grpc.aio.EOF:
        pass  # the server has not noticed the end of the first yet
    for watch in (watches[1], again):
        watch.cancel()


async def test_the_list_includes_served_and_rejected_models(
    running_server: Any, health: Any
) -> None:
    running_server.server.update_models(None, {"8": "it is incomplete"})
    statuses = (await health.List(health_pb2.HealthListRequest())).statuses
    assert {name: response.status for name, response in statuses.items()} == {
        **dict.fromkeys(("", "readiness", "liveness", *SERVICES), Status.SERVING),
        "model/7": Status.SERVING,
        "model/8": Status.NOT_SERVING,
    }
    running_server.server.update_models(None, {})
    statuses = (await health.List(health_pb2.HealthListRequest())).statuses
    assert "model/8" not in statuses
