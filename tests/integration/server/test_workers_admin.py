"""The admin port of several workers, which combines their pages."""

import asyncio
import http.client
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from digits_server.ops.admin_pages import Readiness, http_pages
from digits_server.ops.metrics import Metrics
from digits_server.workers.admin import _CombinedWorkers, workers_admin_port

LOOPBACK = "127.0.0.1"
READY = Readiness(True, {"model_version": "4", "rejected_versions": {}})


def supervised(number: int, admin_port: int) -> Any:
    """Return a worker from its supervisor's view."""
    restarts = Counter(exited=number, unresponsive=0)
    return SimpleNamespace(number=number, admin_port=admin_port, restarts=restarts)


@asynccontextmanager
async def worker(
    number: int, metrics: Metrics, readiness: Callable[[], Readiness] = lambda: READY
) -> AsyncIterator[Any]:
    async with http_pages(metrics.registry, readiness) as port:
        yield supervised(number, port)


async def get(address: str, path: str) -> tuple[int, str]:
    def fetch() -> tuple[int, str]:
        connection = http.client.HTTPConnection(address, timeout=10)
        connection.request("GET", path)
        response = connection.getresponse()
        content = response.read().decode()
        connection.close()
        return response.status, content

    return await asyncio.to_thread(fetch)


async def test_the_metrics_of_all_workers_have_a_worker_label() -> None:
    both = [Metrics(), Metrics()]
    for count, metrics in enumerate(both, 1):
        metrics.verdicts.labels("digit").inc(count)
        metrics.batch_images.labels("idle").observe(4 * count)
    async with (
        worker(0, both[0]) as first,
        worker(1, both[1]) as second,
        workers_admin_port(LOOPBACK, 0, [first, second]) as address,
    ):
        code, page = await get(address, "/metrics")
    assert code == 200
    families = list(text_string_to_metric_families(page))
    assert len({family.name for family in families}) == len(families)
    values = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }
    assert values["digits_verdicts_total", "0", "digit"] == 1
    assert values["digits_verdicts_total", "1", "digit"] == 2
    assert values["digits_batch_images_bucket", "0", "4.0", "idle"] == 1
    assert values["digits_batch_images_bucket", "1", "4.0", "idle"] == 0
    assert values["digits_batch_images_sum", "1", "idle"] == 8
    expected = {family.name for family in both[0].registry.collect()}
    assert {family.name.removesuffix("_created") for family in families} >= expected


async def test_it_is_ready_while_any_worker_is_and_reports_each() -> None:
    states = [READY, Readiness(False, {"model_version": "3", "rejected_versions": {}})]
    async with (
        worker(0, Metrics(), lambda: states[0]) as first,
        worker(1, Metrics(), lambda: states[1]) as second,
        workers_admin_port(LOOPBACK, 0, [first, second]) as address,
    ):
        code, page = await get(address, "/readyz")
        content = json.loads(page)
        assert (code, content["status"], content["model_version"]) == (200, "SERVING", "4")
        assert content["workers"]["1"]["status"] == "NOT_SERVING"
        states.reverse()
        code, page = await get(address, "/readyz")
        assert (code, json.loads(page)["workers"]["0"]["model_version"]) == (200, "3")
        states[1] = states[0]
        code, page = await get(address, "/readyz")
        assert (code, json.loads(page)["status"]) == (503, "NOT_SERVING")
        assert (await get(address, "/livez"))[0] == 200


async def test_a_stopped_or_unresponsive_worker_is_omitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("digits_server.workers.admin._PAGE_TIMEOUT_SECONDS", 0.2)
    connected: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: connected.append(writer), LOOPBACK, 0)
    async with silent, worker(0, Metrics()) as first:
        second = supervised(1, silent.sockets[0].getsockname()[1])
        third = supervised(2, 1)
        async with workers_admin_port(LOOPBACK, 0, [first, second, third]) as address:
            code, page = await get(address, "/metrics")
            assert code == 200
            assert 'digits_ready{worker="0"}' in page
            assert 'digits_ready{worker="1"}' not in page
            assert 'digits_worker_restarts_total{reason="exited",worker="1"} 1.0' in page
            assert (await get(address, "/readyz"))[0] == 200
            first.admin_port = None
            assert (await get(address, "/readyz"))[0] == 503
            assert (await get(address, "/livez"))[0] == 503
            assert (await get(address, "/metrics"))[0] == 200
        for writer in connected:
            writer.close()


async def test_grpc_is_forwarded_to_a_ready_worker_if_there_is_one() -> None:
    unready = Readiness(False, READY.details)
    states = [READY, READY]
    async with (
        worker(0, Metrics(), lambda: states[0]) as first,
        worker(1, Metrics(), lambda: states[1]) as second,
    ):
        with ThreadPoolExecutor(2) as threads:
            workers = _CombinedWorkers([first, second], threads)
            assert await asyncio.to_thread(workers.grpc_port) == first.admin_port
            states[0] = unready
            assert await asyncio.to_thread(workers.grpc_port) == second.admin_port
            states[1] = unready
            assert await asyncio.to_thread(workers.grpc_port) == first.admin_port


async def test_a_grpc_connection_is_closed_if_no_worker_runs() -> None:
    stopped: Any = SimpleNamespace(number=0, admin_port=None)
    async with workers_admin_port(LOOPBACK, 0, [stopped]) as address:
        reader, writer = await asyncio.open_connection(*address.split(":"))
        writer.write(b"PRI * HTTP/2.0")
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
