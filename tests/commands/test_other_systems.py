"""A server on a system that lacks what only Linux, or only POSIX systems have.

Each process of the server, started by ``python``, first runs a module that takes it away.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from digits_client import Client
from tests.commands.test_server_log import photo
from tests.processes import PATIENCE_SECONDS, SAMPLES, running_server

if TYPE_CHECKING:
    from tests.processes import Run

# What Python has on Linux and not on Windows, and the server would otherwise use. What asyncio
# itself needs on Linux has to stay.
TAKE_AWAY = """
import ctypes, os, selectors, signal, socket, subprocess, sys
for module, names in {
    os: "O_NOFOLLOW O_NONBLOCK fork getpgid sched_getaffinity setpriority sysconf",
    selectors: "PollSelector",
    signal: "SIGHUP SIGXCPU alarm setitimer siginterrupt",
    socket: "AF_UNIX SO_REUSEPORT",
}.items():
    for name in names.split():
        delattr(module, name)
sys.modules["fcntl"] = sys.modules["resource"] = None

def socketpair():
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        return server.accept()[0], client

socket.socketpair = socketpair

class Library(ctypes.CDLL):
    def __init__(self, name, *arguments, **options):
        if name is None:
            raise TypeError("expected a name")
        super().__init__(name, *arguments, **options)

ctypes.CDLL = Library

class Process(subprocess.Popen):
    def __init__(self, *arguments, **options):
        if options.get("process_group", -1) != -1 or options.get("start_new_session"):
            raise ValueError("not supported on Windows")
        super().__init__(*arguments, **options)

subprocess.CREATE_NEW_PROCESS_GROUP = 0
subprocess.Popen = Process
"""


@pytest.fixture
def elsewhere(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Environment variables of processes on another system."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(TAKE_AWAY)
    path = os.pathsep.join(filter(None, (str(folder), environment.get("PYTHONPATH"))))
    return environment | {"PYTHONPATH": path}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_serves_and_ends_by_a_signal(
    elsewhere: dict[str, str], models_dir: Path, tmp_path: Path, number: signal.Signals
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("0123456789abcdef\n")
    flags = ("--port", "0", "--admin-port", "0", "--models-dir", str(models_dir))
    with running_server(elsewhere, *flags, "--tokens-file", str(tokens)) as server:
        with Client(server.address, token_file=tokens) as client:
            assert client.recognize(SAMPLES[3]).digit == 3
            assert client.recognize(photo()).verdict.value == "blank"
        server.process.send_signal(number)
        _, log = server.process.communicate(timeout=PATIENCE_SECONDS)
    assert server.process.returncode == 0
    assert log.endswith("stopped\n")
    assert "Traceback" not in log


def test_a_server_ends_with_its_standard_input(elsewhere: dict[str, str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "digits_server", "--port", "0", "--until-stdin-ends"],
        env=elsewhere,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            with Client(json.loads(process.stdout.readline())["address"]) as client:
                assert client.recognize(SAMPLES[3]).digit == 3
            process.stdin.close()
            assert process.wait(PATIENCE_SECONDS) == 0
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ("--workers", "2"),
            "--workers: this system does not spread connections over processes; use 1",
        ),
        (("--host", "unix:/run/x"), "--host: this system has no Unix sockets for Python programs"),
    ],
)
def test_what_the_system_lacks_is_a_usage_error(
    run: "Run", elsewhere: dict[str, str], flags: tuple[str, ...], message: str
) -> None:
    done = run("digits_server", *flags, **elsewhere)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"digits-server: error: {message}"


def test_ctrl_c_before_the_server_handles_it_leaves_no_traceback() -> None:
    program = """
import os, signal, sys
class Finder:
    def find_spec(name, path=None, target=None):
        if name == "digits_server.app":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder)
from digits_server.cli import main
main([])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
