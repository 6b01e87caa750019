"""Named pipes that a test reads while something writes to them."""

import os
import threading
from pathlib import Path

PATIENCE_SECONDS = 100


class PipeReader:
    """Makes a named pipe, and reads it to its end in a thread."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
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
