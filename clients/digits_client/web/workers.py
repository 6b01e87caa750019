"""Several gateway processes that share a port: started, replaced when they die, and stopped."""

import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Final

from digits_client.cli.server_options import ServerOptions

from .settings import Settings

logger = logging.getLogger(__name__)

START_SECONDS: Final = 60.0
_RESTART_SECONDS: Final = 1.0
# What a worker may take to stop in addition to what the settings allow.
_SPARE_SECONDS: Final = 5.0
# prometheus_client reads it when it is imported, which this process must not do before.
_METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"


class WorkerError(Exception):
    """A worker did not start; ``str(error)`` or standard error has the reason."""


class _StopSignal:
    """Whether SIGINT or SIGTERM has arrived, which also ends a wait for ``arrival``."""

    def __init__(self) -> None:
        self._has_arrived = False
        self.arrival, self._sender = multiprocessing.Pipe(duplex=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._set)

    def has_arrived(self) -> bool:
        """Return whether a signal has arrived."""
        return self._has_arrived

    def _set(self, _: int, __: FrameType | None) -> None:
        self._has_arrived = True
        self._sender.send_bytes(b"\0")


class _Worker:
    """One process and its socket, which stays open while the process is replaced."""

    def __init__(self, settings: Settings, server: ServerOptions, listener: socket.socket) -> None:
        self._arguments = (settings, server, listener)
        self.ready, self.process = self._start()

    def _start(self) -> tuple[Connection, SpawnProcess]:
        # Forking would copy the threads of gRPC, if there are any.
        context = multiprocessing.get_context("spawn")
        try:
            ready, sender = context.Pipe(duplex=False)
            process = context.Process(target=_run_worker, args=(*self._arguments, sender))
            with sender:
                process.start()
        except OSError as error:  # such as too many processes
            raise WorkerError(f"a worker cannot be started: {error.strerror}") from None
        return ready, process

    def restart(self) -> None:
        """Start another process in place of one that has died, if the system allows it."""
        from prometheus_client.multiprocess import mark_process_dead

        logger.error("worker %s ended with %s", self.process.pid, self.process.exitcode)
        mark_process_dead(self.process.pid)  # type: ignore[no-untyped-call]
        try:
            ready, process = self._start()
        except WorkerError as error:
            logger.error("%s", error)
            return
        self.ready.close()
        self.ready, self.process = ready, process


def run_workers(
    settings: Settings,
    server: ServerOptions,
    listeners: Sequence[socket.socket],
    notify: Callable[[], None],
) -> None:
    """Serve with a process per socket until SIGTERM or SIGINT, then drain them.

    Args:
        settings: All settings of the gateway; limits apply to each process.
        server: The digits server.
        listeners: Sockets that share a port.
        notify: Called once all processes are ready.

    Raises:
        WorkerError: A process cannot be started, or not within ``START_SECONDS``, or there is no
            folder for temporary files.
    """
    with _metrics_folder() as folder:
        stop = _StopSignal()
        os.environ[_METRICS_FOLDER] = folder
        workers: list[_Worker] = []
        try:
            workers.extend(_Worker(settings, server, listener) for listener in listeners)
            _wait_until_ready(workers, stop)
            if not stop.has_arrived():
                notify()
            while not stop.has_arrived():
                wait([stop.arrival, *(worker.process.sentinel for worker in workers)])
                for worker in workers:
                    if not stop.has_arrived() and worker.process.exitcode is not None:
                        wait([stop.arrival], _RESTART_SECONDS)  # not in a fast loop
                        worker.restart()  # if that fails, it is due again
        finally:
            _stop_all(workers, settings.drain_seconds + settings.grace_seconds + _SPARE_SECONDS)


def _metrics_folder() -> "tempfile.TemporaryDirectory[str]":
    try:
        return tempfile.TemporaryDirectory(prefix="digits-web-")
    except OSError as error:  # such as the read-only root of a container
        reason = error.strerror or error
        raise WorkerError(f"the metrics of --workers need a temporary folder: {reason}") from None


def _wait_until_ready(workers: list[_Worker], stop: _StopSignal) -> None:
    deadline = time.monotonic() + START_SECONDS
    waiting = {worker.ready: worker for worker in workers}
    while waiting and not stop.has_arrived():
        arrived = wait([stop.arrival, *waiting], max(0, deadline - time.monotonic()))
        if not arrived:
            raise WorkerError(f"a worker did not start within {START_SECONDS:g} s")
        for connection in [each for each in waiting if each in arrived]:
            try:
                connection.recv_bytes()
            except EOFError:
                raise WorkerError("a worker did not start") from None
            del waiting[connection]


def _stop_all(workers: list[_Worker], limit_seconds: float) -> None:
    deadline = time.monotonic() + limit_seconds
    for worker in workers:
        worker.process.terminate()
    for worker in workers:
        worker.process.join(max(0, deadline - time.monotonic()))
        if worker.process.exitcode is None:
            logger.error("worker %s did not stop in time", worker.process.pid)
            worker.process.kill()
            worker.process.join()


def _run_worker(
    settings: Settings, server: ServerOptions, listener: socket.socket, ready: Connection
) -> None:
    """Serve in a worker process. Only its supervisor reacts to Ctrl-C, and tells it."""
    from .logs import configure_logging
    from .serve import serve

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    configure_logging(settings.log_level)
    threading.Thread(target=_stop_without_parent, daemon=True).start()

    def notify() -> None:
        with contextlib.suppress(BrokenPipeError):
            ready.send_bytes(b"\0")

    raise SystemExit(not serve(settings, server, listener, notify, is_worker=True))


def _stop_without_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
