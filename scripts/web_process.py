"""digits-web as a child process, for scripts that load it."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

import psutil

from .server_process import LOG_TAIL_LINES


class WebProcess(NamedTuple):
    """A gateway that is ready."""

    url: str
    """``http://host:port``, without a slash at its end."""
    process: psutil.Process

    @property
    def address(self) -> str:
        """``host:port``."""
        return self.url.partition("://")[2]


@contextlib.contextmanager
def web_process(server: str, *flags: str) -> Iterator[WebProcess]:
    """Run digits-web on a free port until the context ends.

    Args:
        server: The address of the digits server.
        flags: Further flags of ``digits-web``.

    Raises:
        RuntimeError: The gateway did not start; the message has the end of its log.
    """
    command = [sys.executable, "-m", "digits_client.web.cli", "--server", server]
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(
            [*command, "--port", "0", "--no-open", *flags],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            if not url:
                log.seek(0)
                tail = "".join(log.readlines()[-LOG_TAIL_LINES:])
                raise RuntimeError(f"the gateway did not start:\n{tail}")
            yield WebProcess(url.rstrip("/"), psutil.Process(process.pid))
        finally:
            process.terminate()
