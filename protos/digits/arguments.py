"""Types of command-line arguments that several packages have, for ``type=`` of ``argparse``.

argparse prints the message of a rejected value after the name of its argument and exits with 2.
"""

import argparse
import sys
from collections.abc import Callable


def whole_number(low: int, high: int = sys.maxsize) -> Callable[[str], int]:
    """Return a type for whole numbers from ``low`` to ``high``, both included."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is not between {low} and {high}")
        return value

    return parse


def number(text: str) -> float:
    """Return a number, which may be infinite or NaN."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def log_level(text: str) -> str:
    """Return a level of ``logging``, such as INFO, from its name in any case."""
    if text.lower() not in ("debug", "info", "warning", "error"):
        raise argparse.ArgumentTypeError(f"{text!r} is not one of debug, info, warning, error")
    return text.upper()
