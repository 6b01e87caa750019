"""Server processes: how they are started, measured, and ended with all their descendants."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Final

import psutil

END_SECONDS: Final = 20.0
PR_SET_CHILD_SUBREAPER: Final = 36
LOG_TAIL_BYTES: Final = 1500


class Server:
    """A running server process."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: IO[bytes]) -> None:
        self.process = process
        self.port = port
        self._log = log

    @property
    def address(self) -> str:
        """``host:port`` where it listens."""
        return f"127.0.0.1:{self.port}"

    def log_tail(self) -> str:
        """Return the end of its log."""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - LOG_TAIL_BYTES))
        return self._log.read().decode(errors="replace")


def adopt_orphans() -> None:
    """Become the parent of processes that servers leave behind, so that they can be ended."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@contextlib.contextmanager
def run_server(
    command: list[str], port: int, environment: Mapping[str, str], *, has_output: bool
) -> Iterator[Server]:
    """Run one server at a time, and end it with all its descendants.

    Args:
        command: Command that starts it.
        port: Port for it, which it finds in the variable ``PORT``.
        environment: Additional variables.
        has_output: Whether standard output is a pipe to read; otherwise it goes to the log.
    """
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment, "PORT": str(port), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if has_output else log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield Server(process, port, log)
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    # Only one server runs, so all descendants are its own, including its orphans.
    descendants = psutil.Process().children(recursive=True)
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    # Some descendants end a moment after the server itself.
    _, alive = psutil.wait_procs(descendants, timeout=2)
    for descendant in {*alive, *psutil.Process().children(recursive=True)}:
        with contextlib.suppress(psutil.NoSuchProcess):
            descendant.kill()
    psutil.wait_procs(psutil.Process().children(recursive=True), timeout=5)
    process.poll()


def resident_bytes() -> int:
    """Return the memory of all descendants, counting shared pages once."""
    return sum(map(_pss_bytes, psutil.Process().children(recursive=True)))


def _pss_bytes(process: psutil.Process) -> int:
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # the process has ended, or is a zombie
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def free_port() -> int:
    """Return a port that is not in use."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def accepts_connections(address: str) -> bool:
    """Return whether a server listens at ``host:port``."""
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True
