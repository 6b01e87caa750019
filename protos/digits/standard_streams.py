"""The standard streams of commands."""

import io
import os
import sys
from typing import TextIO


def open_closed_streams(*, can_be_used: bool = False) -> None:
    """Open the null device in place of each standard stream that is closed.

    Otherwise, the next file that is opened would take its place, also in child processes.

    Args:
        can_be_used: Whether standard input is then empty and standard output goes nowhere, where
            using them would otherwise fail as on any closed stream. Messages go nowhere.
    """
    # In the order of the descriptors, because each gets the lowest one that is free.
    for name, mode, flags in (
        ("stdin", "r", os.O_RDONLY if can_be_used else os.O_WRONLY),
        ("stdout", "w", os.O_WRONLY if can_be_used else os.O_RDONLY),
        ("stderr", "w", os.O_WRONLY),
    ):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, flags)
            os.set_inheritable(descriptor, True)
            stream = os.fdopen(descriptor, mode, encoding="utf-8", errors="backslashreplace")
            setattr(sys, name, stream)


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
