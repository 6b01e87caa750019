"""The command ``digits-batch``: recognize the digits in many image files.

It imports the rest of the command only once it handles signals, because that takes longer than
a person needs to press Ctrl-C.
"""

import sys
from collections.abc import Sequence

from digits.standard_streams import open_closed_streams, tell

from .interrupts import EXIT_SIGNALED, InterruptedRunError, exit_on_signal


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    open_closed_streams()
    exit_on_signal()
    from .command import run_command

    try:
        return run_command(arguments)
    except InterruptedRunError as error:
        tell("digits-batch: interrupted")
        return EXIT_SIGNALED + error.number


if __name__ == "__main__":
    sys.exit(main())
