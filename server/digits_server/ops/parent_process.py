"""The process that started this server and owns it: a supervisor, or a client that embeds it.

The server reports on one line of standard output that it is ready. The parent stops the server
by closing the server's standard input, which also happens when the parent itself dies.
"""

import json
import os
import sys


def notify_ready(address: str, admin_address: str | None) -> None:
    """Notify the parent process that the server is ready.

    Writes one JSON object on one line: ``{"address": "...", "admin_address": "..."}``.

    Args:
        address: ``host:port`` as bound.
        admin_address: ``host:port`` of the admin port; None without one.
    """
    line = json.dumps({"address": address, "admin_address": admin_address})
    print(line, flush=True)  # noqa: T201 - the parent reads it
    # The parent reads only this line, so later prints go to the log.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
