"""Types of command-line arguments, for ``type=`` of ``argparse``.

argparse prints the message of a rejected value after the name of its argument and exits with 2.
"""

import argparse
import math

from digits.arguments import number


def positive_number(text: str) -> float:
    """Return a finite number greater than 0, for durations and rates."""
    value = _finite_number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not greater than 0")
    return value


def non_negative_number(text: str) -> float:
    """Return a finite number of at least 0, for durations that may be zero."""
    value = _finite_number(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return value


def share(text: str) -> float:
    """Return a number from 0 to 1."""
    value = _finite_number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _finite_number(text: str) -> float:
    value = number(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number")
    return value
