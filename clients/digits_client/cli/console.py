"""The standard streams of commands."""

import io
import os
import sys
from typing import TextIO


def open_closed_streams() -> None:
    """Open the null device in place of each standard stream that is closed.

    Otherwise, the next file that is opened would take its place. Reading standard input and
    writing standard output then fail as on any closed stream; messages go nowhere.
    """
    # In the order of the descriptors, because each gets the lowest one that is free.
    for name, mode, flags in (
        ("stdin", "r", os.O_WRONLY),
        ("stdout", "w", os.O_RDONLY),
        ("stderr", "w", os.O_WRONLY),
    ):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, flags)
            setattr(sys, name, os.fdopen(descriptor, mode, errors="backslashreplace"))


def allow_any_text() -> None:
    """Let standard output escape the characters that its encoding lacks, as standard error does.

    File names and addresses may hold any character, and a pipe on Windows may have few.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # None where it was closed
        sys.stdout.reconfigure(errors="backslashreplace")


def tell(line: str) -> None:
    """Print a line on standard error, or nowhere if that cannot be written."""
    try:
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - a command prints
    except OSError:
        discard(sys.stderr)


def discard(stream: TextIO) -> None:
    """Discard what a stream that cannot be written still holds, and all that follows.

    Otherwise, the interpreter would try to write it at exit, and fail with an exit status of
    its own.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
