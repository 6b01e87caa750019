"""Whatever running a model does to a process, only that version is rejected."""

import asyncio
import contextlib
from pathlib import Path

import psutil
import pytest

from digits_server import models
from digits_server.errors import ModelError
from digits_server.models import sandbox
from digits_server.models.registry import Candidate
from digits_server.models.sandbox import run_in_sandbox
from digits_server.settings import PRECISIONS, SHIPPED_MODELS
from tests import needs
from tests.processes import wait_until

SHIPPED = SHIPPED_MODELS / str(models.versions(SHIPPED_MODELS)[0])
# Stands in for LiteRT in the child process, and takes the content of the model as a program.
FAKE_LITERT = """
import os, signal, sys, time
class Interpreter:
    def __init__(self, model_content, num_threads):
        exec(model_content)
"""


@pytest.fixture
def fake_litert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "ai_edge_litert"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "interpreter.py").write_text(FAKE_LITERT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")


def candidate(content: bytes) -> Candidate:
    return Candidate(
        Path("5/model.tflite"), models.Manifest.read(SHIPPED), PRECISIONS[0], content, None
    )


def sandboxes() -> list[psutil.Process]:
    """Return the child processes in which models are run."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if "digits_server.models" in child.cmdline():
                found.append(child)
    return found


@pytest.mark.parametrize("precision", PRECISIONS)
async def test_the_shipped_model_is_far_within_the_limits(precision: str) -> None:
    await run_in_sandbox(Candidate.read(SHIPPED, precision))


@pytest.mark.parametrize("content", [b"", b"not a model" * 1000])
async def test_a_file_that_is_not_a_model_is_rejected_with_the_reason(content: bytes) -> None:
    with pytest.raises(
        ModelError, match=r"^5/model\.tflite cannot be served: it is not a LiteRT mo"
    ):
        await run_in_sandbox(candidate(content))


@pytest.mark.usefixtures("fake_litert")
@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("os.abort()", "it ends the process that runs it with SIGABRT"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "it ends the process that runs it with SIGSEGV"),
        ("os._exit(7)", "it ends the process that runs it with status 7"),
        pytest.param(
            "while True: pass", "it takes more than 2 s of CPU time", marks=needs.cpu_limits
        ),
        ("raise MemoryError", "it cannot be run: MemoryError"),
        ("raise SystemError('broken')", "it cannot be run: SystemError: broken"),
        pytest.param(
            "self.memory = bytearray(2**27)",
            "it cannot be run: MemoryError",
            marks=needs.memory_limits,
        ),
        ("os.write(2, b'x' * 2**20); raise MemoryError", "it cannot be run: MemoryError"),
    ],
)
async def test_a_model_that_harms_its_process_is_rejected_with_the_reason(
    program: str, reason: str
) -> None:
    with pytest.raises(ModelError) as caught:
        await run_in_sandbox(candidate(program.encode()))
    assert str(caught.value).startswith(f"5/model.tflite cannot be served: {reason}")


@pytest.mark.usefixtures("fake_litert")
async def test_a_model_that_waits_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "MAX_SECONDS", 0.5)
    with pytest.raises(ModelError, match=r"it was not loaded and tested within 0\.5 s"):
        await run_in_sandbox(candidate(b"time.sleep(3600)"))
    assert not sandboxes()


@pytest.mark.usefixtures("fake_litert")
async def test_the_process_ends_when_its_result_is_not_wanted_any_more() -> None:
    running = asyncio.create_task(run_in_sandbox(candidate(b"time.sleep(3600)")))
    await asyncio.to_thread(wait_until, sandboxes)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert not sandboxes()


def test_an_exit_is_described_where_there_are_no_limits_of_cpu_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr("signal.SIGXCPU", raising=False)
    assert sandbox._describe_exit(3) == "it ends the process that runs it with status 3"
