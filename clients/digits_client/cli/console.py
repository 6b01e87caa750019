"""The standard output of commands."""

import io
import sys


def allow_any_text() -> None:
    """Let standard output escape the characters that its encoding lacks, as standard error does.

    File names and addresses may hold any character, and a pipe on Windows may have few.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # None where it was closed
        sys.stdout.reconfigure(errors="backslashreplace")
