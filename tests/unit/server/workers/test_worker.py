"""Workers from their supervisor's view."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from digits_server.settings import Settings
from digits_server.workers.worker import Worker

TIMEOUT_SECONDS = 30
PRINT_READY = """print('{"admin_address": null}', flush=True)"""


def worker_running(program: str) -> Worker:
    worker = Worker(0, Settings())
    worker._command = (sys.executable, "-c", program)
    return worker


@asynccontextmanager
async def keep_running(worker: Worker) -> AsyncIterator[None]:
    assert await worker.start()
    running = asyncio.create_task(worker.keep_running())
    try:
        yield
    finally:
        worker.stop()
        await asyncio.wait_for(running, TIMEOUT_SECONDS)


@pytest.fixture
def warnings() -> Iterator[asyncio.Queue[str]]:
    """The warnings of the supervisor, as they are logged."""
    messages: asyncio.Queue[str] = asyncio.Queue()
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.put_nowait(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("digits_server.workers")
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)


async def test_a_worker_that_keeps_dying_is_restarted_with_increasing_delays(
    warnings: asyncio.Queue[str],
) -> None:
    worker = worker_running(f"{PRINT_READY}; exit(3)")
    async with keep_running(worker), asyncio.timeout(TIMEOUT_SECONDS):
        for delay in ("0", "0.5", "1"):
            warning = f"worker 0 exited with status 3; restarting in {delay} s"
            assert await warnings.get() == warning


async def test_a_worker_that_served_for_long_is_restarted_at_once(
    monkeypatch: pytest.MonkeyPatch, warnings: asyncio.Queue[str]
) -> None:
    monkeypatch.setattr("digits_server.workers.worker._STABLE_SECONDS", 0)
    worker = worker_running(f"{PRINT_READY}; exit(3)")
    async with keep_running(worker), asyncio.timeout(TIMEOUT_SECONDS):
        for _ in range(3):
            assert (await warnings.get()).endswith("restarting in 0 s")


async def test_stopping_a_worker_closes_its_standard_input_and_does_not_restart_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker = worker_running(f"import sys; {PRINT_READY}; sys.stdin.read(); exit(3)")
    async with keep_running(worker):
        assert worker.is_serving
        worker.stop()
        worker.stop()
    assert await worker.wait() == "exited with status 3"
    assert not worker.is_serving
    assert "restarting" not in caplog.text


async def test_a_worker_can_be_stopped_while_it_starts() -> None:
    worker = worker_running(f"import sys; sys.stdin.read(); {PRINT_READY}")
    worker.stop()
    assert await worker.start()
    assert await worker.wait() == "exited with status 0"


async def test_a_worker_that_dies_before_it_is_ready_is_not_serving(
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker = worker_running("import os; os.kill(os.getpid(), 9)")
    assert not await worker.start()
    assert not worker.is_serving
    assert "worker 0 was killed by SIGKILL before it was ready" in caplog.text


@pytest.mark.parametrize("module", ["supervisor", "admin"])
def test_a_supervisor_imports_neither_grpc_nor_model_runtimes(module: str) -> None:
    program = (
        f"import sys, digits_server.workers.{module}, digits_server.ops.logs; print(*sys.modules)"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not set(completed.stdout.split()) & {"grpc", "numpy", "cv2", "ai_edge_litert"}
