"""A private server for one run: a process of its own on a loopback port.

The client does not import the server, which would bring the model runtime along.
"""

import contextlib
import importlib.util
import os
import re
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
_READY: Final = re.compile(r"ready on (\S+)")


class _Log:
    """Reads a server's log to its end, so that it never blocks, and finds the address in it."""

    def __init__(self, lines: IO[str]) -> None:
        self.address: str | None = None
        self.last: deque[str] = deque(maxlen=3)
        self.known = threading.Event()
        """Set when the server is ready, or will never be."""
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            self.last.append(line.strip())
            if self.address is None and (found := _READY.search(line)):
                self.address = found[1]
                self.known.set()
        self.known.set()


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
        [*command, "--until-stdin-ends", "--log-level", "info"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name not in _NOT_FOR_IT},
        text=True,
        start_new_session=True,  # Ctrl-C is the client's to act on
    )
    with process:
        assert process.stdin is not None and process.stderr is not None  # noqa: S101, PT018 - pipes
        log = _Log(process.stderr)
        try:
            log.known.wait(START_SECONDS)
            if log.address is None:
                said = " / ".join(log.last) or "nothing"
                raise UnavailableError(f"the embedded server did not start; it said: {said}")
            yield log.address
        finally:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
