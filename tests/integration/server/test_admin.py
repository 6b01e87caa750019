"""The plaintext port for probes and Prometheus."""

import asyncio
import contextlib
import json
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc

from digits.v1 import recognizer_pb2 as pb
from digits_client import AsyncClient, UnavailableError
from digits_server.errors import BindError
from digits_server.ops.port_mux import LOOPBACK, MAX_CONNECTIONS, multiplexed_port

Status = health_pb2.HealthCheckResponse


@pytest.fixture
async def started(run_server: Any) -> AsyncIterator[Any]:
    async with run_server(admin_port=0) as running:
        yield running


async def get(started: Any, path: str, **headers: str) -> tuple[int, str]:
    def fetch() -> tuple[int, str]:
        url = f"http://{started.server.admin_address}{path}"
        request = urllib.request.Request(url, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await asyncio.to_thread(fetch)


async def test_it_serves_grpc_health(started: Any) -> None:
    async with grpc.aio.insecure_channel(started.server.admin_address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", "liveness", "readiness"):
            response = await health.Check(health_pb2.HealthCheckRequest(service=name))
            assert response.status == Status.SERVING


async def test_it_serves_the_metrics(started: Any, image_of: Any) -> None:
    for digit in (1, 2):
        await started.stub.Recognize(pb.RecognizeRequest(image=image_of(digit)))
    code, text = await get(started, "/metrics")
    assert code == 200
    assert 'digits_verdicts_total{verdict="digit"} 2.0' in text
    assert 'code="OK",method="digits.v1.RecognizerService/Recognize"} 2.0' in text
    assert "digits_model_version 7.0" in text
    assert "process_resident_memory_bytes" in text
    code, text = await get(started, "/metrics", Accept="application/openmetrics-text")
    assert text.endswith("# EOF\n")


async def test_it_serves_liveness_and_readiness_with_rejected_models(started: Any) -> None:
    assert await get(started, "/livez") == (200, "alive\n")
    started.server.update_models(None, {"9": "it is incomplete"})
    code, text = await get(started, "/readyz")
    assert code == 200
    assert json.loads(text) == {
        "status": "SERVING",
        "model_version": "7",
        "rejected_versions": {"9": "it is incomplete"},
    }
    started.server.set_ready(is_ready=False)
    code, text = await get(started, "/readyz")
    assert (code, json.loads(text)["status"]) == (503, "NOT_SERVING")
    assert (await get(started, "/livez"))[0] == 200
    assert (await get(started, "/other"))[0] == 404


async def test_a_client_that_uses_tls_is_told_at_once_that_the_port_has_none(
    started: Any, tmp_path: Path
) -> None:
    address = started.server.admin_address
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with AsyncClient(address, tls_ca=tmp_path / "ca.pem") as client:
        with pytest.raises(UnavailableError, match=f"at {address} does not use TLS: remove tls_ca"):
            await client.model(timeout_seconds=100)


async def test_silent_invalid_and_closed_connections_do_not_affect_others(started: Any) -> None:
    host, port = started.server.admin_address.rsplit(":", 1)
    silent = [await asyncio.open_connection(host, int(port)) for _ in range(20)]
    for _, writer in silent[:10]:
        writer.write(b"PRI " + b"\0" * 50)
        writer.close()
    assert (await get(started, "/livez"))[0] == 200
    for _, writer in silent:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_connections_above_the_limit_close_the_longest_inactive_ones(started: Any) -> None:
    host, port = started.server.admin_address.rsplit(":", 1)
    many = [await asyncio.open_connection(host, int(port)) for _ in range(MAX_CONNECTIONS)]
    async with grpc.aio.insecure_channel(started.server.admin_address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for number in range(36):
            await health.Check(health_pb2.HealthCheckRequest())  # stays the most active one
            many.append(await asyncio.open_connection(host, int(port)))
            with contextlib.suppress(ConnectionError):
                assert await many[number][0].read() == b""
        await health.Check(health_pb2.HealthCheckRequest())
    for _, writer in many:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_a_connection_whose_request_is_complete_is_not_closed_for_idle_ones() -> None:
    requested, responding = asyncio.Event(), asyncio.Event()

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        requested.set()
        await responding.wait()
        writer.write(b"page")
        writer.close()

    pages = await asyncio.start_server(respond, LOOPBACK, 0)
    pages_port = pages.sockets[0].getsockname()[1]
    async with pages, multiplexed_port(LOOPBACK, 0, lambda: None, pages_port) as address:
        host, port = address.split(":")
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await requested.wait()
        idle = [await asyncio.open_connection(host, port) for _ in range(2 * MAX_CONNECTIONS)]
        with contextlib.suppress(ConnectionError):
            assert await idle[0][0].read() == b""
        responding.set()
        assert await reader.read() == b"page"
        for _, one in [(reader, writer), *idle]:
            one.close()
            with contextlib.suppress(OSError):
                await one.wait_closed()


async def test_a_port_in_use_is_an_error(run_server: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BindError, match=f"cannot listen on 127.0.0.1:{port}"):
            async with run_server(admin_port=port):
                pass
