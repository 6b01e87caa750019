"""Named pipes, and a reader for one to which something writes."""

import os
import threading
from pathlib import Path

import pytest

PATIENCE_SECONDS = 100


def make_pipe(path: Path) -> None:
    """Make a named pipe; skip the test where there are none, or none that never wait."""
    if not hasattr(os, "mkfifo") or not hasattr(os, "O_NONBLOCK"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(path)


class PipeReader:
    """Makes a named pipe, and reads it to its end in a thread."""

    def __init__(self, path: Path) -> None:
        make_pipe(path)
        self._path = path
        self._content = b""
        # A daemon, because nothing ends it if the pipe is replaced instead of written.
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        self._content = self._path.read_bytes()

    def content(self) -> bytes:
        """Return the content once the writer has closed the pipe."""
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive(), f"nothing was written to {self._path}"
        return self._content
