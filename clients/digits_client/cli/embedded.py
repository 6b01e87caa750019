"""A private server for one run: a process of its own on a loopback port.

The client does not import the server, which would bring the model runtime along.
"""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from typing import IO, Final

from digits_client.errors import UnavailableError

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 15.0
# The server's own modules are in every install; what they run on comes with the extra.
_SERVER_NEEDS: Final = ("digits_server", "ai_edge_litert", "cv2", "grpc_health", "grpc_reflection")
_NOT_FOR_IT: Final = {
    f"DIGITS_{name}"
    for name in ("TLS_CERT", "TLS_KEY", "TLS_CLIENT_CA", "TOKENS_FILE", "ADMIN_PORT", "LOG_FORMAT")
}
# After a server that did not start has closed its output, the rest of its log follows.
_LOG_SECONDS: Final = 5.0


class _Output:
    """Reads the output of a starting server to its end, so that the server never blocks.

    Standard output carries one line of JSON when the server is ready; standard error is its log.
    """

    def __init__(self, report: IO[str], log: IO[str]) -> None:
        self.address: str | None = None
        """``host:port`` once the server is ready; None if it never was."""
        self.last_lines: deque[str] = deque(maxlen=3)
        """The end of the log."""
        self.is_known = threading.Event()
        """Set when the server is ready, or will never be."""
        self._reading_log = threading.Thread(target=self._read_log, args=(log,), daemon=True)
        self._reading_log.start()
        threading.Thread(target=self._read_report, args=(report,), daemon=True).start()

    def _read_log(self, log: IO[str]) -> None:
        self.last_lines.extend(line.strip() for line in log)

    def _read_report(self, report: IO[str]) -> None:
        line = report.readline()
        if line:
            self.address = json.loads(line)["address"]
        else:
            self._reading_log.join(_LOG_SECONDS)  # the reason is in its last lines
        self.is_known.set()


@contextlib.contextmanager
def embedded_server() -> Iterator[str]:
    """Start a server on a free loopback port, yield its address, and end it afterwards.

    It takes its settings from the environment, but for those that would make it another's
    server: address, TLS, tokens. It ends with this process too, however that ends.

    Raises:
        UnavailableError: The server is not installed, or does not start within
            START_SECONDS; the message says which.
    """
    if not all(map(importlib.util.find_spec, _SERVER_NEEDS)):
        raise UnavailableError(
            "no server was named and none is installed here: "
            "name one with --server, or install digits[server]"
        )
    command = [sys.executable, "-m", "digits_server", "--host", "127.0.0.1", "--port", "0"]
    process = subprocess.Popen(  # noqa: S603 - our own module by our own interpreter
        [*command, "--until-stdin-ends"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name not in _NOT_FOR_IT},
        text=True,
        start_new_session=True,  # Ctrl-C is the client's to act on
    )
    with process:
        assert process.stdin and process.stdout and process.stderr  # noqa: S101, PT018 - pipes
        output = _Output(process.stdout, process.stderr)
        try:
            output.is_known.wait(START_SECONDS)
            if output.address is None:
                log = " / ".join(output.last_lines) or "empty"
                raise UnavailableError(f"the embedded server did not start; end of its log: {log}")
            yield output.address
        finally:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
