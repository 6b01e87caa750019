"""``digits-web`` as a user runs it."""

import concurrent.futures
import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.processes import PATIENCE_SECONDS, ROOT, Run, ServerProcess, free_port, wait_until

MODULE = "digits_client.web.cli"
THREE = (ROOT / "server" / "digits_server" / "self_test_images" / "3.png").read_bytes()


@contextlib.contextmanager
def running(
    environment: dict[str, str], *flags: str, command: tuple[str, ...] = ("-m", MODULE)
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command, and yield its process and its URL."""
    with subprocess.Popen(
        [sys.executable, *command, "--no-open", *flags],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def stop(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> str:
    """Send a signal, and return the log once the process has ended with 0."""
    process.send_signal(number)
    output, log = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, output) == (0, ""), log
    return log


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def recognize(url: str) -> int:
    response = httpx.post(f"{url}v1/recognize", content=THREE, timeout=PATIENCE_SECONDS)
    return int(response.json()["predictions"][0]["digit"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_it_serves_though_its_address_cannot_be_printed(
    environment: dict[str, str], shared_server: ServerProcess
) -> None:
    port = free_port()
    flags = ("--port", str(port), "--server", shared_server.address, "--no-open")
    with (
        Path("/dev/full").open("w") as full,
        subprocess.Popen(
            [sys.executable, "-m", MODULE, *flags],
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            wait_until(lambda: is_listening(port))
            assert recognize(f"http://127.0.0.1:{port}/") == 3
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=PATIENCE_SECONDS)
            assert (process.returncode, "Traceback" in log) == (0, False)
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_a_server_where_none_is_named_and_stops_it(
    environment: dict[str, str], number: signal.Signals
) -> None:
    with running(environment, "--port", "0") as (process, url):
        assert url.startswith("http://127.0.0.1:")
        assert recognize(url) == 3
        [server] = psutil.Process(process.pid).children()
        assert stop(process, number) == ""
        assert not server.is_running()


def is_worker(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # it has ended
        return False


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return [each for each in psutil.Process(process.pid).children() if is_worker(each)]


def test_several_processes_share_the_port_and_a_dead_one_is_replaced(
    environment: dict[str, str], shared_server: ServerProcess
) -> None:
    flags = ("--port", "0", "--server", shared_server.address, "--workers", "2")
    with running(environment, *flags) as (process, url):
        assert len(workers_of(process)) == 2
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            assert list(threads.map(lambda _: recognize(url), range(16))) == [3] * 16
        metrics = httpx.get(f"{url}metrics").text
        assert 'path="/v1/recognize",status="200"} 16.0' in metrics
        killed = workers_of(process)[0]
        killed.kill()
        wait_until(lambda: len(workers_of(process)) == 2 and killed not in workers_of(process))
        assert recognize(url) == 3
        log = stop(process)
        assert "ended with -9" in log
        assert not [line for line in log.splitlines() if "Traceback" in line]


# The command, where the system allows no other process for one of the workers.
NO_PROCESS = """
import sys
from multiprocessing.context import SpawnProcess
from digits_client.web.cli import main

failing, count, start = int(sys.argv.pop(1)), 0, SpawnProcess.start

def start_unless_failing(process):
    global count
    count += 1
    if count == failing:
        raise BlockingIOError(11, "Resource temporarily unavailable")
    start(process)

SpawnProcess.start = start_unless_failing
sys.exit(main())
"""


def test_a_worker_that_cannot_be_replaced_at_once_is_replaced_later(
    environment: dict[str, str], shared_server: ServerProcess
) -> None:
    flags = ("--port", "0", "--server", shared_server.address, "--workers", "2")
    with running(environment, *flags, command=("-c", NO_PROCESS, "3")) as (process, url):
        killed = workers_of(process)[0]
        killed.kill()
        wait_until(lambda: len(workers_of(process)) == 2 and killed not in workers_of(process))
        assert recognize(url) == 3
        assert "a worker cannot be started: Resource temporarily unavailable" in stop(process)


def test_the_command_ends_if_a_worker_cannot_be_started(environment: dict[str, str]) -> None:
    flags = ("--port", "0", "--server", "127.0.0.1:1", "--workers", "2")
    with running(environment, *flags, command=("-c", NO_PROCESS, "2")) as (process, _):
        output, log = process.communicate(timeout=PATIENCE_SECONDS)
        assert (process.returncode, output) == (1, "")
        reason = "a worker cannot be started: Resource temporarily unavailable"
        assert log == f"digits-web: {reason}\n"


def test_workers_end_with_their_supervisor(
    environment: dict[str, str], shared_server: ServerProcess
) -> None:
    flags = ("--port", "0", "--server", shared_server.address, "--workers", "2")
    with running(environment, *flags) as (process, _):
        children = psutil.Process(process.pid).children()
        process.kill()
        psutil.wait_procs(children, PATIENCE_SECONDS)
        assert not [child for child in children if child.is_running()]


def test_sigterm_finishes_requests_and_closes_sockets(
    environment: dict[str, str], shared_server: ServerProcess
) -> None:
    flags = ("--port", "0", "--server", shared_server.address)
    with running(environment, *flags) as (process, url):
        address = url.removeprefix("http://").rstrip("/").split(":")
        stream = url.replace("http", "ws", 1) + "v1/stream"
        with (
            connect(stream) as drawing,
            socket.create_connection((address[0], int(address[1])), PATIENCE_SECONDS) as unfinished,
        ):
            head = f"POST /v1/recognize HTTP/1.1\r\nHost: x\r\nContent-Length: {len(THREE)}\r\n\r\n"
            unfinished.sendall(head.encode() + THREE[:100])
            in_flight = "digits_web_requests_in_flight 2.0"
            wait_until(lambda: in_flight in httpx.get(f"{url}metrics").text)
            process.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed):
                drawing.recv(PATIENCE_SECONDS)
            unfinished.sendall(THREE[100:])
            assert unfinished.recv(100).startswith(b"HTTP/1.1 200 ")
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert (process.returncode, output) == (0, "")


def test_while_it_drains_it_reports_that_it_is_not_ready(
    environment: dict[str, str], shared_server: ServerProcess
) -> None:
    flags = ("--port", "0", "--server", shared_server.address, "--drain-seconds", "60")
    with running(environment, *flags) as (process, url):
        ready = f"{url}v2/health/ready"
        assert httpx.get(ready).status_code == 200
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: httpx.get(ready).status_code == 503)
        assert recognize(url) == 3
        process.send_signal(signal.SIGTERM)  # at once
        process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use_is_one_line(run: Run, shared_server: ServerProcess, workers: str) -> None:
    flags = ("--server", shared_server.address, "--port", shared_server.port, "--no-open")
    done = run(MODULE, *flags, "--workers", workers)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"digits-web: cannot listen on {shared_server.address}: Address already in use\n"
    )


@pytest.mark.parametrize(
    ("flags", "status", "error"),
    [
        (["--port", "70000"], 2, "digits-web: error: argument --port: '70000' is not a whole"),
        (["--token-file", "t"], 2, "digits-web: error: argument --token-file: needs --server;"),
        (
            ["--tokens-file", "none"],
            1,
            "digits-web: none cannot be read: No such file or directory",
        ),
        (["--tls-cert", "x", "--tls-key", "y"], 1, "digits-web: x cannot be read: No such file"),
        (["--tls-ca", "none"], 1, "digits-web: none cannot be read: No such file or directory"),
        (["--host", "127..0.0.1"], 2, "digits-web: error: argument --host: '127..0.0.1' is not"),
        (["--host", "192.0.2.1"], 1, "digits-web: cannot listen on 192.0.2.1:"),
    ],
)
def test_what_is_wrong_is_one_line(run: Run, flags: list[str], status: int, error: str) -> None:
    server = [] if "--token-file" in flags else ["--server", f"127.0.0.1:{free_port()}"]
    port = [] if "--port" in flags else ["--port", "0"]
    done = run(MODULE, "--no-open", *server, *port, *flags)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(error)
    assert done.stderr.count("\n") == 1


def test_a_worker_that_cannot_start_ends_the_command(run: Run, tmp_path: Path) -> None:
    flags = ("--port", "0", "--no-open", "--server", "127.0.0.1:1", "--workers", "2")
    done = run(MODULE, *flags, "--tokens-file", str(tmp_path / "none"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "digits-web: a worker did not start\n" in done.stderr
    assert "Traceback" not in done.stderr
