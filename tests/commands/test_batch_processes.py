"""What ``digits-batch`` starts, it ends; and what ends it early harms nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from tests.commands.conftest import ServerProcess

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 30
IMAGE_COUNT = 4 * 64  # the messages that are in flight before the first answer is awaited
COMMAND = [sys.executable, "-m", "digits_client.batch.cli"]


@pytest.fixture
def waiting(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A ``digits-batch`` with a server of its own, reading the list that the test writes."""
    with subprocess.Popen(
        [*COMMAND, "-", "--format", "jsonl"],
        env=environment | {"PYTHONUNBUFFERED": "1"},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background ignore SIGINT, and so would what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def embedded_server_of(process: subprocess.Popen[str]) -> psutil.Process:
    """Return the server once the first answers have come, with the list still open."""
    assert process.stdin is not None and process.stdout is not None  # noqa: PT018 - pipes
    process.stdin.write("samples/3/thin.png\n" * IMAGE_COUNT)
    process.stdin.flush()
    assert "samples/3/thin.png" in process.stdout.readline()
    [server] = psutil.Process(process.pid).children()
    assert "digits_server" in server.cmdline()
    return server


def test_the_embedded_server_has_gone_after_the_run(waiting: subprocess.Popen[str]) -> None:
    server = embedded_server_of(waiting)
    assert waiting.stdin is not None and waiting.stdout is not None  # noqa: PT018 - pipes
    waiting.stdin.close()
    assert len(waiting.stdout.readlines()) == IMAGE_COUNT - 1
    assert waiting.wait(PATIENCE_SECONDS) == 0
    assert not server.is_running()


def test_the_embedded_server_ends_when_its_client_is_killed(
    waiting: subprocess.Popen[str],
) -> None:
    server = embedded_server_of(waiting)
    waiting.kill()
    waiting.wait(PATIENCE_SECONDS)
    _, alive = psutil.wait_procs([server], timeout=PATIENCE_SECONDS)
    assert not alive


def test_the_embedded_server_ends_when_its_client_is_interrupted(
    waiting: subprocess.Popen[str],
) -> None:
    server = embedded_server_of(waiting)
    psutil.Process(waiting.pid).send_signal(2)
    _, errors = waiting.communicate(timeout=PATIENCE_SECONDS)
    assert waiting.returncode == 130
    assert errors.splitlines()[-1] == "digits-batch: interrupted"
    assert "Traceback" not in errors
    assert not server.is_running()


def test_a_reader_that_has_enough_is_no_error_to_shout_about(
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


def test_a_closed_standard_input_is_none(
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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
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
