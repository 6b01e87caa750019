"""The process that started this server and owns it: a supervisor, or a client that embeds it.

The parent reads the server's standard output. The server reports there, on one line, that it is
ready; a worker also sends its supervisor an empty line as a heartbeat, from its event loop. The
parent stops the server by closing the server's standard input, which also happens when the parent
itself dies.
"""

import asyncio
import contextlib
import json
import os
import sys
from typing import Final

HEARTBEAT_SECONDS: Final = 1.0
HEARTBEAT: Final = b"\n"


class ParentProcess:
    """The parent, from the server's view."""

    def __init__(self) -> None:
        """Take over standard output. Later prints go to the log."""
        self._output = os.dup(sys.stdout.fileno())  # not inherited by child processes
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def notify_ready(self, address: str, admin_address: str | None) -> None:
        """Notify the parent that the server is ready.

        Writes one JSON object on one line: ``{"address": "...", "admin_address": "..."}``.

        Args:
            address: ``host:port`` as bound.
            admin_address: ``host:port`` of the admin port; None without one.
        """
        line = json.dumps({"address": address, "admin_address": admin_address})
        os.write(self._output, line.encode() + b"\n")

    def send_heartbeats(self) -> None:
        """Send a heartbeat now, and one per second for as long as the event loop runs."""
        os.set_blocking(self._output, False)
        # The pipe is full if the supervisor is stopped, and broken if it has died. In that case
        # standard input has ended too, and the worker drains.
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(self._output, HEARTBEAT)
        asyncio.get_running_loop().call_later(HEARTBEAT_SECONDS, self.send_heartbeats)
