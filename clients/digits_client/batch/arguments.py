"""Types of command-line arguments that only ``digits-batch`` has."""

import argparse

from digits_client.cli.arguments import share


def share_or_percent(text: str) -> float:
    """Return a share from 0 to 1, written as ``0.98`` or as ``98%``."""
    number = text.removesuffix("%").rstrip()
    if number != text:
        try:
            return share(repr(float(number) / 100))
        except (ValueError, argparse.ArgumentTypeError):
            raise argparse.ArgumentTypeError(f"{text} is not between 0% and 100%") from None
    try:
        return share(text)
    except argparse.ArgumentTypeError as error:
        if text.isascii() and text.replace(".", "", 1).isdecimal():
            raise argparse.ArgumentTypeError(f"{error}; percent are written as {text}%") from None
        raise
