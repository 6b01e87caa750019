"""Discarding what native libraries write to standard error, whatever their log level."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Final

_STDERR: Final = 2
# The descriptor belongs to the process, so only one thread may replace it at a time.
_LOCK: Final = threading.Lock()


@contextlib.contextmanager
def discard_native_output() -> Iterator[None]:
    """Discard everything that this process writes to the file descriptor 2.

    Python's ``sys.stderr`` goes there as well, but the server's log has a descriptor of its own.
    Other threads must not start processes meanwhile. Contexts do not nest.
    """
    with _LOCK, contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # there is no standard error
            if sys.stderr is not None:
                sys.stderr.flush()
            original = os.dup(_STDERR)
            stack.callback(os.close, original)
            stack.callback(os.dup2, original, _STDERR)
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, _STDERR)
            os.close(nothing)
        yield
