"""Workers as their supervisor sees them."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from digits_server.settings import Settings
from digits_server.workers.worker import Worker

PATIENCE_SECONDS = 30
REPORT_READY = """print('{"admin_address": null}', flush=True)"""


def worker_that_runs(program: str) -> Worker:
    worker = Worker(0, Settings())
    worker._command = (sys.executable, "-c", program)
    return worker


@asynccontextmanager
async def kept_running(worker: Worker) -> AsyncIterator[None]:
    assert await worker.start()
    keeping = asyncio.create_task(worker.keep_running())
    try:
        yield
    finally:
        worker.end()
        await asyncio.wait_for(keeping, PATIENCE_SECONDS)


@pytest.fixture
def warnings() -> Iterator[asyncio.Queue[str]]:
    """What the supervisor warns of, as it comes."""
    said: asyncio.Queue[str] = asyncio.Queue()
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.put_nowait(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("digits_server.workers")
    logger.addHandler(handler)
    yield said
    logger.removeHandler(handler)


async def test_one_that_dies_again_and_again_is_started_after_longer_and_longer_pauses(
    warnings: asyncio.Queue[str],
) -> None:
    worker = worker_that_runs(f"{REPORT_READY}; exit(3)")
    async with kept_running(worker), asyncio.timeout(PATIENCE_SECONDS):
        for pause in ("0", "0.5", "1"):
            warning = f"worker 0 ended with status 3; it is started anew in {pause} s"
            assert await warnings.get() == warning


async def test_one_that_had_served_for_long_is_started_anew_at_once(
    monkeypatch: pytest.MonkeyPatch, warnings: asyncio.Queue[str]
) -> None:
    monkeypatch.setattr("digits_server.workers.worker._STEADY_SECONDS", 0)
    worker = worker_that_runs(f"{REPORT_READY}; exit(3)")
    async with kept_running(worker), asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(3):
            assert (await warnings.get()).endswith("anew in 0 s")


async def test_one_that_is_told_to_end_sees_its_input_end_and_is_not_replaced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker = worker_that_runs(f"import sys; {REPORT_READY}; sys.stdin.read(); exit(3)")
    async with kept_running(worker):
        assert worker.is_serving
        worker.end()
        worker.end()
    assert await worker.ended() == "with status 3"
    assert not worker.is_serving
    assert "anew" not in caplog.text


async def test_one_that_is_told_to_end_while_it_starts_ends_too() -> None:
    worker = worker_that_runs(f"import sys; sys.stdin.read(); {REPORT_READY}")
    worker.end()
    assert await worker.start()
    assert await worker.ended() == "with status 0"


async def test_one_that_ends_before_it_serves_is_not_taken_for_one_that_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker = worker_that_runs("import os; os.kill(os.getpid(), 9)")
    assert not await worker.start()
    assert not worker.is_serving
    assert "worker 0 ended by SIGKILL before it served" in caplog.text


@pytest.mark.parametrize("module", ["supervisor", "admin"])
def test_a_supervisor_loads_neither_grpc_nor_what_a_model_runs_on(module: str) -> None:
    program = (
        f"import sys, digits_server.workers.{module}, digits_server.ops.logs; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not set(done.stdout.split()) & {"grpc", "numpy", "cv2", "ai_edge_litert"}
