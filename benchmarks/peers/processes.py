"""Servers as processes: started, weighed, and ended with all that they started."""

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
    """A process that serves."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: IO[bytes]) -> None:
        """Take a process that was started in a session of its own."""
        self.process = process
        self.port = port
        self._log = log

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def log_tail(self) -> str:
        """Return the last that it said."""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - LOG_TAIL_BYTES))
        return self._log.read().decode(errors="replace")


def adopt_orphans() -> None:
    """Become the parent of what servers leave behind, so that it is found and ended."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@contextlib.contextmanager
def started(command: list[str], port: int, environment: Mapping[str, str]) -> Iterator[Server]:
    """Run a server, and end it with all that it started. One at a time."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment, "PORT": str(port), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if environment.get("ANSWERS") else log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield Server(process, port, log)
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    # Only one server is up, so all descendants are its own, orphans of it included.
    family = psutil.Process().children(recursive=True)
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    # Some ends of parts take a moment longer than that of the whole.
    _, alive = psutil.wait_procs(family, timeout=2)
    for one in {*alive, *psutil.Process().children(recursive=True)}:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(psutil.Process().children(recursive=True), timeout=5)
    process.poll()


def resident_bytes() -> int:
    """Return the memory of all descendants, what they share counted once."""
    return sum(map(_pss_bytes, psutil.Process().children(recursive=True)))


def _pss_bytes(process: psutil.Process) -> int:
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended, or is a zombie
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def free_port() -> int:
    """Return a port that nobody has."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def listens(address: str) -> bool:
    """Tell whether something takes connections there."""
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True
