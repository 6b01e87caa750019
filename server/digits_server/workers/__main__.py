"""A worker: ``python -m digits_server.workers NUMBER FLAG...``, started by the supervisor.

It says on standard output that it serves, in one line with its admin port, if it has one, and ends
when standard input does: with its supervisor, however that ends.
"""

import argparse
import os
import sys

from digits_server.cli import run_server
from digits_server.ops.logs import configure
from digits_server.settings import Settings


def main(number: int, flags: list[str]) -> int:
    """Serve, and return the exit status."""
    parser = argparse.ArgumentParser()
    Settings.add_flags(parser)
    settings = Settings.resolve(parser.parse_args(flags), os.environ)
    configure(settings.log_level, settings.log_format, worker=number)
    return run_server(settings, until_stdin_ends=True, notify_ready=_tell)


def _tell(admin_address: str | None) -> None:
    print((admin_address or "").rpartition(":")[2], flush=True)  # noqa: T201 - the supervisor reads it
    # It reads this line and no more: what anything else prints is for the log.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
