"""The process of a worker, started by the supervisor.

python -m digits_server.workers NUMBER FLAG...
"""

import argparse
import os
import sys

from digits_server.app import run_server
from digits_server.ops.logs import configure
from digits_server.settings import Settings


def main(number: int, flags: list[str]) -> int:
    """Serve as a worker, and return the exit status."""
    parser = argparse.ArgumentParser()
    Settings.add_flags(parser)
    settings = Settings.resolve(parser.parse_args(flags), os.environ)
    configure(settings.log_level, settings.log_format, worker=number)
    return run_server(settings, has_parent=True, is_worker=True)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
