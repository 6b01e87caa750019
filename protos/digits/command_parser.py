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
        self.print_output()  # argparse may have printed the version
        if message:
            tell(message.rstrip("\n"))
        sys.exit(status)

    def print_help(self, file: "SupportsWrite[str] | None" = None) -> None:
        """Print the help."""
        if file is None:
            self.print_output(self.format_help())
        else:
            super().print_help(file)

    def print_output(self, text: str = "") -> None:
        """Print a text to standard output, or exit with 1 if it cannot be written."""
        try:
            if text:
                sys.stdout.write(text)
            sys.stdout.flush()
        except OSError as error:
            discard(sys.stdout)
            if not isinstance(error, BrokenPipeError):  # whose reader has seen enough
                tell(f"{self.prog}: cannot write standard output: {error.strerror}")
            sys.exit(1)
