"""A digits server as a child process, for scripts that load it or watch its resources."""

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import psutil

LOG_TAIL_LINES = 20
MEMORY_INTERVAL_SECONDS = 0.02
MEGABYTE = 10**6


class ServerProcess(NamedTuple):
    """A server that is ready."""

    address: str
    """``host:port``."""
    process: psutil.Process
    ready_seconds: float
    """Time from the start of the process until it reported that it is ready."""
    admin_address: str | None = None
    """``host:port`` of the admin port, if there is one."""


@contextlib.contextmanager
def server_process(
    *flags: str, module: Sequence[str] = ("digits_server",)
) -> Iterator[ServerProcess]:
    """Run a server on a free port until the context ends.

    Args:
        flags: Flags of ``digits-server``.
        module: Module to run with ``python -m``, and its first arguments. It takes the flags
            of ``digits-server`` and reports that it is ready as the server does, with one line
            of JSON on standard output.

    Raises:
        RuntimeError: The server did not start; the message has the end of its log.
    """
    command = [sys.executable, "-m", *module, "--port", "0", "--until-stdin-ends", *flags]
    start = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+") as log,  # a pipe that nobody reads would block the server
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        assert process.stdout is not None
        try:
            ready_line = process.stdout.readline()
            ready_seconds = time.perf_counter() - start
            if not ready_line:
                log.seek(0)
                tail = "".join(log.readlines()[-LOG_TAIL_LINES:])
                raise RuntimeError(f"the server did not start:\n{tail}")
            ready = json.loads(ready_line)
            yield ServerProcess(
                ready["address"],
                psutil.Process(process.pid),
                ready_seconds,
                ready.get("admin_address"),
            )
        finally:
            process.terminate()


class PeakMemory:
    """Watches the memory of a process and its children."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._is_stopped = threading.Event()
        self.peak_megabytes = 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def now_megabytes(self) -> float:
        """Return the memory now. Pages that processes share count once."""
        sizes = []
        try:
            processes = [self._process, *self._process.children(recursive=True)]
        except psutil.NoSuchProcess:  # the server has just ended
            return 0.0
        for process in processes:
            try:
                sizes.append(process.memory_full_info().pss)
            except psutil.Error:  # it has just ended
                continue
        return sum(sizes) / MEGABYTE

    def _watch(self) -> None:
        while not self._is_stopped.wait(MEMORY_INTERVAL_SECONDS):
            self.peak_megabytes = max(self.peak_megabytes, self.now_megabytes())

    def stop(self) -> None:
        """Stop watching."""
        self._is_stopped.set()
        self._thread.join()
