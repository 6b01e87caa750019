"""Options that print something and end the command: its version, a completion script.

What they need is imported when they are used, because it would slow down the start of every run.
"""

import argparse
from collections.abc import Sequence
from typing import Any, cast

from digits.command_parser import CommandParser


class PrintVersion(argparse.Action):
    """Prints the version of the installed distribution."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Print the version and exit with 0."""
        import importlib.metadata

        version = importlib.metadata.version("digits")
        cast("CommandParser", parser).print_output(f"{parser.prog} {version}\n")
        parser.exit()


class PrintCompletion(argparse.Action):
    """Prints the completion script for a shell."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Print the script and exit with 0, or with 2 if the shell is not supported."""
        import shtab

        self.choices = shtab.SUPPORTED_SHELLS  # the script completes them too
        if values not in self.choices:
            parser.error(
                f"argument {option_string}: invalid choice: {values!r} "
                f"(choose from {', '.join(self.choices)})"
            )
        cast("CommandParser", parser).print_output(shtab.complete(parser, values) + "\n")
        parser.exit()


def add_exit_options(parser: argparse.ArgumentParser) -> None:
    """Add --version and --print-completion."""
    parser.add_argument("--version", action=PrintVersion, nargs=0, help="print the version")
    parser.add_argument(
        "--print-completion",
        action=PrintCompletion,
        metavar="SHELL",
        help="print a completion script for a shell",
    )


def complete_files(action: argparse.Action, *, folders_only: bool = False) -> None:
    """Let the completion script complete the values of an option as paths."""
    action.complete = "directory" if folders_only else "file"  # type: ignore[attr-defined]  # for shtab
