"""Signals, requests to shut down, and the end of a process that does not shut down in time."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from digits_server.settings import Settings

# Time for what a server does after its last call: it ends its threads, and exports telemetry.
EXIT_SECONDS: Final = 3.0
# A log that nobody reads must not delay the end of the process for longer.
_LOG_SECONDS: Final = 1.0
# Not the number of a signal.
_STDIN_ENDED: Final = 0
_SIGNALS_THREAD: Final = "signals"
_STDIN_THREAD: Final = "stdin"
_PACKAGE: Final = __name__.partition(".")[0]

logger = logging.getLogger(__name__)


def longest_shutdown_seconds(settings: Settings) -> float:
    """Return the time after which a server that was asked to stop has ended, whatever happens."""
    return settings.drain_seconds + settings.grace_seconds + EXIT_SECONDS


def handle_signals(
    stopping: asyncio.Event,
    on_hangup: Callable[[], None],
    *,
    limit_seconds: float,
    until_stdin_ends: bool,
    before_forced_exit: Callable[[], None] = lambda: None,
) -> None:
    """Handle the signals of this process in a thread, even while the event loop is blocked.

    SIGTERM and SIGINT, on Windows also Ctrl-Break, request the shutdown. After a second one, and
    ``limit_seconds`` after the request, the process exits with status 1, whatever its other
    threads do.

    Call this once, from a coroutine in the main thread.

    Args:
        stopping: Event of the running loop to set when the server is to shut down.
        on_hangup: Called in the event loop on SIGHUP.
        limit_seconds: Time for the shutdown.
        until_stdin_ends: Whether the end of standard input also requests the shutdown, so that a
            server which belongs to another process does not outlive it. It never counts as the
            second signal, because a worker may see it together with a signal that is sent to all
            processes of a service.
        before_forced_exit: Called in the thread before the process exits in this way.
    """
    received, written = socket.socketpair()
    written.setblocking(False)
    # Python's own handlers, and those of asyncio, run in the main thread only.
    signal.set_wakeup_fd(written.fileno(), warn_on_full_buffer=False)
    for number in _signals():
        signal.signal(number, lambda *_: None)
        if hasattr(signal, "siginterrupt"):
            signal.siginterrupt(number, False)
    handler = _SignalHandler(
        asyncio.get_running_loop(), stopping, on_hangup, limit_seconds, before_forced_exit
    )
    # It keeps the socket to which signals are written.
    threading.Thread(
        target=handler.run, args=(received, written), name=_SIGNALS_THREAD, daemon=True
    ).start()
    if until_stdin_ends:
        threading.Thread(
            target=_wait_for_stdin, args=(written,), name=_STDIN_THREAD, daemon=True
        ).start()


def _signals() -> list[signal.Signals]:
    """Return the signals to handle. Windows has no SIGHUP, and only Windows has SIGBREAK."""
    names = ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _wait_for_stdin(signals: socket.socket) -> None:
    """Write to the socket of the signals once standard input has ended."""
    with contextlib.suppress(OSError):
        # Not by the file object, whose lock would be held at the end of the process.
        while os.read(sys.stdin.fileno(), 4096):
            pass
    signals.send(bytes([_STDIN_ENDED]))


class _SignalHandler:
    """Handles signals and the end of standard input in a thread."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        stopping: asyncio.Event,
        on_hangup: Callable[[], None],
        limit_seconds: float,
        before_forced_exit: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._stopping = stopping
        self._on_hangup = on_hangup
        self._limit_seconds = limit_seconds
        self._before_forced_exit = before_forced_exit
        self._was_signaled = False
        self._deadline: float | None = None

    def run(self, signals: socket.socket, _written: socket.socket) -> NoReturn:
        while (remaining_seconds := self._remaining_seconds()) is None or remaining_seconds > 0:
            signals.settimeout(remaining_seconds)
            with contextlib.suppress(TimeoutError):
                for number in signals.recv(4096):
                    self._handle(number)
        self._exit(f"not stopped after {self._limit_seconds:g} s; {_busy_threads()}")

    def _remaining_seconds(self) -> float | None:
        return None if self._deadline is None else self._deadline - time.monotonic()

    def _handle(self, number: int) -> None:
        if number == _STDIN_ENDED:
            self._request_shutdown()
        elif number == getattr(signal, "SIGHUP", None):
            self._call_in_loop(self._on_hangup)
        elif self._was_signaled:
            self._exit(f"second signal; {_busy_threads()}")
        else:
            self._was_signaled = True
            self._request_shutdown()

    def _request_shutdown(self) -> None:
        if self._deadline is None:
            self._deadline = time.monotonic() + self._limit_seconds
            self._call_in_loop(self._stopping.set)

    def _call_in_loop(self, callback: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, and the process ends
            self._loop.call_soon_threadsafe(callback)

    def _exit(self, reason: str) -> NoReturn:
        self._before_forced_exit()
        # In a thread, because another one may hold the lock of the log.
        log = threading.Thread(target=logger.error, args=("%s; exiting", reason), daemon=True)
        log.start()
        log.join(_LOG_SECONDS)
        os._exit(1)  # waits for nothing, not even threads


def _busy_threads() -> str:
    """Return which threads run a function of this package, such as ``images_0 in f (a.py:7)``."""
    busy = []
    frames = sys._current_frames()  # noqa: SLF001 - the documented way to inspect threads
    for thread in threading.enumerate():
        frame: FrameType | None = frames.get(thread.ident or 0)
        while frame is not None and not str(frame.f_globals.get("__name__")).startswith(_PACKAGE):
            frame = frame.f_back
        if frame is not None and thread.name not in (_SIGNALS_THREAD, _STDIN_THREAD):
            code = frame.f_code
            place = f"{Path(code.co_filename).name}:{frame.f_lineno}"
            busy.append(f"{thread.name} in {code.co_name} ({place})")
    return f"running: {', '.join(busy) or 'nothing of this server'}"
