"""Processes and streams of ``digits-batch``: its embedded server, interrupts, closed pipes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.processes import PATIENCE_SECONDS, ROOT

if TYPE_CHECKING:
    from tests.processes import ServerProcess

IMAGE_COUNT = 4 * 64  # whole messages, so that all of them are sent while the list is open
COMMAND = [sys.executable, "-m", "digits_client.batch.cli"]


@pytest.fixture(scope="module")
def server(shared_server: "ServerProcess") -> "ServerProcess":
    """One server for all tests here."""
    return shared_server


@pytest.fixture
def batch(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A ``digits-batch`` with an embedded server, reading a list that the test writes."""
    with subprocess.Popen(
        [*COMMAND, "-", "--format", "jsonl"],
        env=environment | {"PYTHONUNBUFFERED": "1"},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def embedded_server_of(process: subprocess.Popen[str]) -> psutil.Process:
    """Wait for the first row and return the server; the list stays open."""
    assert process.stdin is not None and process.stdout is not None  # noqa: PT018 - pipes
    process.stdin.write("samples/3/thin.png\n" * IMAGE_COUNT)
    process.stdin.flush()
    assert "samples/3/thin.png" in process.stdout.readline()
    [server] = psutil.Process(process.pid).children()
    assert "digits_server" in server.cmdline()
    return server


def test_the_embedded_server_ends_before_the_run_ends(batch: subprocess.Popen[str]) -> None:
    server = embedded_server_of(batch)
    assert batch.stdin is not None and batch.stdout is not None  # noqa: PT018 - pipes
    batch.stdin.close()
    assert len(batch.stdout.readlines()) == IMAGE_COUNT - 1
    assert batch.wait(PATIENCE_SECONDS) == 0
    assert not server.is_running()


def test_the_embedded_server_ends_when_its_client_is_killed(
    batch: subprocess.Popen[str],
) -> None:
    server = embedded_server_of(batch)
    batch.kill()
    batch.wait(PATIENCE_SECONDS)
    _, alive = psutil.wait_procs([server], timeout=PATIENCE_SECONDS)
    assert not alive


def test_the_embedded_server_ends_when_its_client_is_interrupted(
    batch: subprocess.Popen[str],
) -> None:
    server = embedded_server_of(batch)
    psutil.Process(batch.pid).send_signal(signal.SIGINT)
    _, errors = batch.communicate(timeout=PATIENCE_SECONDS)
    assert batch.returncode == 130
    assert errors.splitlines()[-1] == "digits-batch: interrupted"
    assert "Traceback" not in errors
    assert not server.is_running()


def test_a_closed_output_pipe_ends_the_run_without_a_message(
    server: "ServerProcess", environment: dict[str, str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as broken:
        done = subprocess.run(
            [*COMMAND, "samples", "--format", "csv", "--server", server.address],
            env=environment,
            cwd=ROOT,
            stdout=broken,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "")


def test_a_run_works_with_standard_input_closed(
    server: "ServerProcess", environment: dict[str, str]
) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *COMMAND, "samples/3", "--server", server.address],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("digit") == 6  # the header and five rows


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_exits_2_with_one_line(
    server: "ServerProcess", environment: dict[str, str]
) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "samples/3", "--server", server.address],
            env=environment,
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "digits-batch: cannot write standard output: No space left on device\n"
