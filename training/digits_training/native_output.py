"""Discarding what native libraries write to standard error, whatever their log level."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Final

LOG_LEVEL_VARIABLE: Final = "TF_CPP_MIN_LOG_LEVEL"
"""TensorFlow's setting; a user who sets it sees everything that TensorFlow writes."""


@contextlib.contextmanager
def discard_native_output() -> Iterator[None]:
    """Discard everything that this process writes to the file descriptor 2.

    TensorFlow reports some of its settings there while it is imported, before its log exists, and
    its converter does so for each network. Python's ``sys.stderr`` goes there as well: do not log
    meanwhile. Other threads must not start processes meanwhile.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nothing)
        os.close(kept)
