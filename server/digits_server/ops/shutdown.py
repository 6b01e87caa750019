"""When a server is to end: it is told so by a signal, or by the end of standard input."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable


def watch_for_the_end(
    stopping: asyncio.Event,
    *,
    until_stdin_ends: bool,
    before_ending_at_once: Callable[[], None] = lambda: None,
) -> None:
    """Set an event of the running loop when the server is to end.

    A second signal ends the process at once. The end of standard input is none: to a worker it
    comes together with a signal that goes to all processes of a service.

    Args:
        stopping: Set on SIGTERM and on SIGINT.
        until_stdin_ends: Also set it when standard input ends, so that a server which
            belongs to another process does not outlive it.
        before_ending_at_once: Called when the second signal has come.
    """
    loop = asyncio.get_running_loop()
    was_signalled = False

    def stop() -> None:
        nonlocal was_signalled
        if was_signalled:
            before_ending_at_once()
            os._exit(1)  # asked twice: nothing is waited for, not even threads
        was_signalled = True
        stopping.set()

    def stop_when_read_to_end() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if until_stdin_ends:
        loop.add_reader(sys.stdin.fileno(), stop_when_read_to_end)
