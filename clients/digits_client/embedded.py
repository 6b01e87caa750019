"""A private server, in a separate process on a loopback port.

The client does not import the server, because that would load the model runtime.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import IO, Final

from digits import extras

from .errors import DigitsError, UnavailableError

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 15.0
_UNSET_VARIABLES: Final = {
    f"DIGITS_{name}"
    for name in ("TLS_CERT", "TLS_KEY", "TLS_CLIENT_CA", "TOKENS_FILE", "ADMIN_PORT", "LOG_FORMAT")
}
# If the server fails to start, the rest of its log may come after it has closed its output.
_LOG_SECONDS: Final = 5.0
# Only the client reacts to Ctrl-C. Windows has process groups instead of sessions.
_NEW_GROUP: Final[int] = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)


class _Output:
    """Reads the output of a server to its end, so that the server never blocks on it.

    Standard output carries one line of JSON when the server is ready; standard error is the log.
    """

    def __init__(self, report: IO[str], log: IO[str]) -> None:
        self.address: str | None = None
        """``host:port`` once the server is ready; None if it failed to start."""
        self.last_lines: deque[str] = deque(maxlen=3)
        """The last lines of the log."""
        self.has_started_or_failed = threading.Event()
        """Set when the server is ready, or has closed its output without being ready."""
        self._reading_log = threading.Thread(target=self._read_log, args=(log,), daemon=True)
        self._reading_report = threading.Thread(
            target=self._read_report, args=(report,), daemon=True
        )

    def start(self) -> None:
        """Start to read."""
        self._reading_log.start()
        self._reading_report.start()

    def join(self) -> bool:
        """Wait for the end of the output, a few seconds at most; return whether it has ended."""
        readings = (self._reading_report, self._reading_log)
        for reading in readings:
            if reading.is_alive():  # not where an interrupt came before it was started
                reading.join(_LOG_SECONDS)
        return not any(reading.is_alive() for reading in readings)

    def _read_log(self, log: IO[str]) -> None:
        with log:
            self.last_lines.extend(line.strip() for line in log)

    def _read_report(self, report: IO[str]) -> None:
        with report:
            # A server that fails may print anything else, or a part of the line.
            with contextlib.suppress(ValueError, LookupError, TypeError):
                self.address = json.loads(report.readline())["address"]
            if self.address is None:
                self._reading_log.join(_LOG_SECONDS)  # the reason is in its last lines
            self.has_started_or_failed.set()
            deque(report, maxlen=0)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _UNSET_VARIABLES}
    return kept | {"PYTHONIOENCODING": "utf-8"}  # on Windows, pipes have another encoding


@contextlib.contextmanager
def embedded_server(*options: str) -> Iterator[str]:
    """Start a server on a free loopback port, yield its address, and stop it afterwards.

    It takes its settings from the environment, except address, TLS, tokens, administration and
    log format. It also stops when this process ends, in whatever way.

    Args:
        options: Further options of ``digits-server``.

    Raises:
        UnavailableError: The server is not installed, or does not start within
            START_SECONDS; the message has the reason.
    """
    try:
        extras.require("server")
    except extras.MissingExtraError as error:
        raise UnavailableError(
            f"a private server cannot start: {error}, or name a running server"
        ) from None
    command = [sys.executable, "-P", "-m", "digits_server", "--host", "127.0.0.1", "--port", "0"]
    try:
        process = subprocess.Popen(  # noqa: S603 - our own module, run by this interpreter
            [*command, "--until-stdin-ends", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            encoding="utf-8",
            errors="replace",  # the log may hold file names of any bytes
            start_new_session=True,
            creationflags=_NEW_GROUP,
        )
    except OSError as error:  # there are too many processes or open files
        raise UnavailableError(f"a private server cannot start: {error.strerror}") from error
    with process:
        assert process.stdin and process.stdout and process.stderr  # noqa: S101, PT018 - pipes
        output = _Output(process.stdout, process.stderr)
        try:
            # In here, because pipes that are read cannot be closed before the server ends.
            output.start()
            output.has_started_or_failed.wait(START_SECONDS)
            if output.address is None:
                log = " / ".join(output.last_lines) or "empty"
                raise UnavailableError(
                    f"the embedded server did not start; last lines of its log: {log}"
                )
            yield output.address
        finally:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            if not output.join():
                # A process that outlives the server holds its output open, and closing it here
                # would wait for the thread that reads it.
                process.stdout = process.stderr = None


@contextlib.asynccontextmanager
async def async_embedded_server(*options: str) -> AsyncIterator[str]:
    """Start, yield and stop a server like ``embedded_server``, without blocking the event loop."""
    server = contextlib.ExitStack()
    starting = asyncio.ensure_future(
        asyncio.to_thread(server.enter_context, embedded_server(*options))
    )

    async def stop() -> None:
        with contextlib.suppress(DigitsError):
            await starting  # a server that is starting can be stopped only once it has started
        await asyncio.to_thread(server.close)

    try:
        yield await asyncio.shield(starting)
    finally:
        await asyncio.shield(stop())  # also if the caller is cancelled once more
