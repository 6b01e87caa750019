"""Requests to shut down: by a signal, or by the end of standard input."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable


def install_shutdown_handlers(
    stopping: asyncio.Event,
    *,
    until_stdin_ends: bool,
    before_forced_exit: Callable[[], None] = lambda: None,
) -> None:
    """Set an event of the running loop when the server is to shut down.

    A second signal ends the process immediately. The end of standard input does not count as
    one, because a worker may see it together with a signal that is sent to all processes of a
    service.

    Args:
        stopping: Event to set on SIGTERM and SIGINT.
        until_stdin_ends: Whether to set it also when standard input ends, so that a server
            which belongs to another process does not outlive it.
        before_forced_exit: Called when a second signal has arrived.
    """
    loop = asyncio.get_running_loop()
    was_signaled = False

    def on_signal() -> None:
        nonlocal was_signaled
        if was_signaled:
            before_forced_exit()
            os._exit(1)  # waits for nothing, not even threads
        was_signaled = True
        stopping.set()

    def on_stdin() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    if until_stdin_ends:
        loop.add_reader(sys.stdin.fileno(), on_stdin)
