"""The parser of a command line, whose errors are one line."""

import argparse
import sys
from typing import TYPE_CHECKING, NoReturn

from .standard_streams import discard, tell

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


class CommandParser(argparse.ArgumentParser):
    """An ``ArgumentParser`` that reports wrong usage in one line and a hint at ``--help``.

    The usage of a command with many options would push the reason off the screen. Parsers of
    subcommands that are added to it do the same.
    """

    def error(self, message: str) -> NoReturn:
        """Print the reason to standard error, and exit with 2."""
        reason = " ".join(message.split())
        self.exit(2, f"{self.prog}: error: {reason}; see {self.prog} --help\n")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Exit with a message to standard error."""
        if message:
            tell(message.rstrip("\n"))
        sys.exit(status)

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        # For help and version, argparse would ignore that standard output cannot be written.
        if file is sys.stdout:
            self.print_output(message)
        else:
            super()._print_message(message, file)

    def print_output(self, text: str) -> None:
        """Print a text to standard output, or exit with 1 if it cannot be written."""
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError as error:
            discard(sys.stdout)
            if not isinstance(error, BrokenPipeError):  # whose reader has seen enough
                tell(f"{self.prog}: cannot write standard output: {error.strerror}")
            sys.exit(1)
