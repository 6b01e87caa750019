"""The parser of a command line, whose errors are one line."""

import argparse
from typing import NoReturn


class CommandParser(argparse.ArgumentParser):
    """An ``ArgumentParser`` that reports wrong usage in one line and a hint at ``--help``.

    The usage of a command with many options would push the reason off the screen. Parsers of
    subcommands that are added to it do the same.
    """

    def error(self, message: str) -> NoReturn:
        """Print the reason to standard error, and exit with 2."""
        reason = " ".join(message.split())
        self.exit(2, f"{self.prog}: error: {reason}; see {self.prog} --help\n")
