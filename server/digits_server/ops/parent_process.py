"""The process that a server belongs to, if any: a supervisor, or a client that embeds it.

The parent learns from one line on standard output that the server is ready, and ends the
server by closing the server's standard input, however the parent itself ends.
"""

import json
import os
import sys


def notify_ready(address: str, admin_address: str | None) -> None:
    """Tell the parent process that the server is ready.

    Writes one JSON object on one line: ``{"address": "...", "admin_address": "..."}``.

    Args:
        address: ``host:port`` as bound.
        admin_address: The same for the admin port; None without one.
    """
    line = json.dumps({"address": address, "admin_address": admin_address})
    print(line, flush=True)  # noqa: T201 - the parent reads it
    # The parent reads this line only: anything printed later belongs in the log.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
