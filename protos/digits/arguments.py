"""Types of command-line arguments that several packages have, for ``type=`` of ``argparse``.

argparse prints the message of a rejected value after the name of its argument and exits with 2.
"""

import argparse
import re
from collections.abc import Callable


def whole_number(low: int, high: int | None = None) -> Callable[[str], int]:
    """Return a type for whole numbers from ``low`` to ``high``, both included."""
    expected = f"of at least {low}" if high is None else f"from {low} to {high}"

    def parse(text: str) -> int:
        # int() alone would also accept "1_000" and " 5 ", and fails on thousands of digits.
        value = int(text) if re.fullmatch(r"[+-]?[0-9]{1,20}", text) else None
        if value is None or value < low or (high is not None and value > high):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {expected}")
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


def utf8(text: str) -> str:
    """Return a text that can be sent; bytes of a command line need not be one."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not UTF-8") from None
    return text


def host_name(text: str) -> str:
    """Return the name or the address of a host, which need not exist."""
    try:
        text.encode("idna")  # as the socket module does; fails on 127..0.0.1
    except UnicodeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a host name or address") from None
    return text
