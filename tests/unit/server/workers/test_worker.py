"""Workers from their supervisor's view."""

import asyncio
import logging
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from digits_server.settings import Settings
from digits_server.workers.process import WorkerProcess
from digits_server.workers.worker import Worker

TIMEOUT_SECONDS = 30
BEAT_FOREVER = "import time; [(print(flush=True), time.sleep(0.02)) for _ in iter(int, 1)]"
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
        worker.stop(TIMEOUT_SECONDS)
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


@pytest.fixture
def short_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the time in which a worker has to send a heartbeat, from 10 s to 0.5 s."""
    monkeypatch.setattr("digits_server.workers.process._TICK_SECONDS", 0.05)


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
    warnings: asyncio.Queue[str],
) -> None:
    worker = worker_running(f"import sys; {PRINT_READY}; sys.stdin.read(); exit(3)")
    async with keep_running(worker):
        assert worker.is_serving
        worker.stop(TIMEOUT_SECONDS)
        worker.stop(TIMEOUT_SECONDS)
    assert warnings.get_nowait() == "worker 0 exited with status 3"
    assert warnings.empty()
    assert not worker.is_serving


async def test_a_worker_can_be_stopped_while_it_starts() -> None:
    worker = worker_running(f"import sys; sys.stdin.read(); {PRINT_READY}")
    starting = asyncio.create_task(worker.start())
    await asyncio.sleep(0)  # the process is being created
    worker.stop(TIMEOUT_SECONDS)
    assert await starting
    assert await worker.keep_running()
    assert not await worker.start()


async def test_a_worker_that_does_not_stop_is_killed(warnings: asyncio.Queue[str]) -> None:
    worker = worker_running(f"import sys; {PRINT_READY}; {BEAT_FOREVER}")
    assert await worker.start()
    worker.stop(0.1)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        assert not await worker.keep_running()
    assert warnings.get_nowait() == "worker 0 has not stopped after 0.1 s"
    assert warnings.get_nowait() == "worker 0 was killed by SIGKILL"


async def test_a_worker_without_heartbeats_is_replaced_and_counted(
    short_ticks: None, warnings: asyncio.Queue[str]
) -> None:
    worker = worker_running(f"import time; {PRINT_READY}; time.sleep(3600)")
    async with keep_running(worker), asyncio.timeout(TIMEOUT_SECONDS):
        for count, delay in enumerate(("0", "0.5"), 1):
            assert await warnings.get() == (
                "worker 0 sent no heartbeat for 10 s and was killed by SIGKILL; "
                f"restarting in {delay} s"
            )
            assert worker.restarts == {"exited": 0, "unresponsive": count}


async def test_a_worker_that_hangs_before_it_is_ready_is_killed(
    short_ticks: None, caplog: pytest.LogCaptureFixture
) -> None:
    worker = worker_running("import time; print(flush=True); time.sleep(3600)")
    async with asyncio.timeout(TIMEOUT_SECONDS):
        assert not await worker.start()
    assert "worker 0 did not respond and was killed by SIGKILL before it was ready" in caplog.text


async def test_a_worker_that_cannot_be_killed_is_left_behind_and_replaced(
    short_ticks: None, monkeypatch: pytest.MonkeyPatch, warnings: asyncio.Queue[str]
) -> None:
    monkeypatch.setattr("digits_server.workers.process.KILL_SECONDS", 0.1)
    worker = worker_running(f"import time; {PRINT_READY}; time.sleep(3600)")
    async with keep_running(worker), asyncio.timeout(TIMEOUT_SECONDS):
        process = worker._process
        assert process is not None
        with monkeypatch.context() as patch:  # as for a process that waits for a device
            patch.setattr(process, "send_signal", lambda _: None)
            assert f"is left behind as process {process.pid}; restarting" in await warnings.get()
        await warnings.get()  # its successor has no heartbeats either
        process.send_signal(signal.SIGKILL)
        await process.wait()


async def test_the_time_for_which_the_supervisor_is_stopped_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    process = await WorkerProcess.start((sys.executable, "-c", "print(input())"))
    line = asyncio.create_task(process.next_line(1000))
    await asyncio.sleep(0)
    monkeypatch.setattr(loop, "time", lambda: time.monotonic() + 1_000_000)
    await asyncio.sleep(0.1)
    assert not line.done()
    assert process._process.stdin is not None
    process._process.stdin.write(b"alive\n")
    assert await line == b"alive\n"
    assert await process.wait() == "exited with status 0"


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
