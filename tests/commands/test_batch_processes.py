"""Processes and streams of ``digits-batch``: its embedded server, interrupts, closed pipes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import psutil
import pytest

from tests.processes import PATIENCE_SECONDS, ROOT, wait_until

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


def start_with_list(server: "ServerProcess", environment: dict[str, str]) -> subprocess.Popen[str]:
    """Start a run whose list of paths is on standard input."""
    return subprocess.Popen(
        [*COMMAND, "-", "--format", "jsonl", "--server", server.address],
        env=environment,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_the_list_is_open_completes_the_rows_and_exits_with_the_signal(
    number: signal.Signals, server: "ServerProcess", environment: dict[str, str]
) -> None:
    with start_with_list(server, environment) as process:
        try:
            assert process.stdin and process.stdout and process.stderr  # noqa: PT018 - pipes
            process.stdin.write("samples/3/thin.png\n" * IMAGE_COUNT)
            process.stdin.flush()
            rows = [process.stdout.readline() for _ in range(IMAGE_COUNT)]
            process.send_signal(number)
            errors = process.stderr.read()
            assert process.wait(PATIENCE_SECONDS) == 128 + number
        finally:
            process.kill()
    assert all('"digit": 3' in row for row in rows)
    assert errors.splitlines()[-1] == "digits-batch: interrupted"


@pytest.mark.parametrize(
    "module",
    ["argparse", "digits_client.batch.run"],
)
def test_an_interrupt_during_the_imports_ends_the_run_without_a_traceback(
    module: str, environment: dict[str, str]
) -> None:
    # Each line appears once its module has been imported.
    command = [sys.executable, "-X", "importtime", *COMMAND[1:], "-"]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            assert any(line.split()[-1] == module for line in process.stderr)
            process.send_signal(signal.SIGINT)
            errors = process.stderr.read()
            assert process.wait(PATIENCE_SECONDS) == 130
        finally:
            process.kill()
    assert "digits-batch: interrupted" in errors
    assert "Traceback" not in errors
    assert "Exception ignored" not in errors


def test_an_interrupt_while_the_embedded_server_starts_ends_both(
    batch: subprocess.Popen[str],
) -> None:
    client = psutil.Process(batch.pid)
    wait_until(client.children)
    servers = client.children()
    client.send_signal(signal.SIGINT)
    _, errors = batch.communicate(timeout=PATIENCE_SECONDS)
    assert (batch.returncode, errors) == (130, "digits-batch: interrupted\n")
    _, alive = psutil.wait_procs(servers, timeout=PATIENCE_SECONDS)
    assert not alive


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_the_report_is_written_keeps_the_rows_and_explains_how_to_resume(
    number: signal.Signals, server: "ServerProcess", environment: dict[str, str], tmp_path: Path
) -> None:
    rows, report = tmp_path / "rows.csv", tmp_path / "report.html"
    os.mkfifo(report)  # which waits for a reader
    with subprocess.Popen(
        [
            *(*COMMAND, "samples/3", "--server", server.address),
            *("--output", str(rows), "--report", str(report)),
        ],
        env=environment,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            wait_until(rows.exists)
            process.send_signal(number)
            _, errors = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
    assert process.returncode == 128 + number
    assert errors == (
        f"digits-batch: interrupted; 5 rows are in {rows}: rerun with --resume to continue\n"
    )


def test_a_second_signal_cancels_the_images_in_flight(
    server: "ServerProcess", environment: dict[str, str]
) -> None:
    with start_with_list(server, environment) as process:
        try:
            assert process.stdin is not None and process.stdout is not None  # noqa: PT018 - pipes
            process.stdin.write("samples/3/thin.png\n" * IMAGE_COUNT)
            process.stdin.flush()
            assert "samples/3/thin.png" in process.stdout.readline()
            server.process.send_signal(signal.SIGSTOP)
            process.stdin.write("samples/3/thin.png\n" * IMAGE_COUNT)
            process.stdin.flush()
            for number in (signal.SIGINT, signal.SIGTERM):  # two of a kind could become one
                process.send_signal(number)
            _, errors = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
            server.process.send_signal(signal.SIGCONT)
    assert process.returncode in (130, 143)  # the system may deliver them in either order
    assert errors == "digits-batch: interrupted\n"


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


class RunRedirected(Protocol):
    """Runs ``digits-batch`` with redirections of a shell, such as ``2>&-``."""

    def __call__(
        self, redirections: str, *arguments: str
    ) -> "subprocess.CompletedProcess[str]": ...


@pytest.fixture
def run_redirected(server: "ServerProcess", environment: dict[str, str]) -> RunRedirected:
    """Runs ``digits-batch`` with redirections."""

    def run_redirected(redirections: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["/bin/sh", "-c", f'exec "$@" {redirections}', "sh", *COMMAND, *arguments],
            env=environment | {"DIGITS_SERVER": server.address},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    return run_redirected


@pytest.mark.parametrize("redirections", ["<&-", "2>&-", "<&- 2>&-"])
def test_a_run_works_with_standard_input_and_standard_error_closed(
    redirections: str, run_redirected: RunRedirected
) -> None:
    done = run_redirected(redirections, "samples/3", "--json-progress")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("digit") == 6  # the header and five rows


def test_a_message_of_any_characters_can_go_to_a_closed_standard_error(
    run_redirected: RunRedirected,
) -> None:
    assert run_redirected("2>&-", "missing-\udcff.png").returncode == 2


def test_a_list_on_a_closed_standard_input_exits_2_with_one_line(
    run_redirected: RunRedirected,
) -> None:
    done = run_redirected("<&-", "-")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "digits-batch: cannot read standard input: Bad file descriptor\n"


def test_a_run_with_a_file_works_with_all_standard_streams_closed(
    run_redirected: RunRedirected, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    done = run_redirected("<&- >&- 2>&-", "samples/3", "--output", str(rows))
    assert done.returncode == 0
    assert [line.partition(",")[0] for line in rows.read_text().splitlines()] == [
        "path",
        *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "samples" / "3").iterdir()),
    ]


@pytest.mark.parametrize("extra", [[], ["--dry-run"]])
def test_a_closed_standard_output_exits_2_with_one_line(
    extra: list[str], run_redirected: RunRedirected
) -> None:
    done = run_redirected(">&-", "samples/3", *extra)
    assert done.returncode == 2
    assert done.stderr == "digits-batch: cannot write standard output: Bad file descriptor\n"


@pytest.mark.parametrize("option", ["--version", "--print-completion=bash"])
def test_a_closed_standard_output_ends_options_that_print_with_one_line(
    option: str, run_redirected: RunRedirected
) -> None:
    done = run_redirected(">&-", option)
    assert done.returncode == 1
    assert done.stderr == "digits-batch: cannot write standard output: Bad file descriptor\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    ("arguments", "status"), [(["samples/3", "--json-progress"], 0), (["nothing.png"], 2)]
)
def test_messages_that_cannot_be_written_change_neither_rows_nor_exit_status(
    arguments: list[str], status: int, run_redirected: RunRedirected
) -> None:
    done = run_redirected("2>/dev/full", *arguments)
    assert done.returncode == status
    assert done.stdout.count("digit") == (0 if status else 6)


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
