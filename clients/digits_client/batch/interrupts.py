"""Ctrl-C and SIGTERM, from the first to the last moment of a command."""

import contextlib
import os
import signal
from collections.abc import Callable
from typing import Final, NoReturn

EXIT_SIGNALED: Final = 128
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class InterruptedRunError(KeyboardInterrupt):
    """A signal has arrived outside of the event loop."""

    def __init__(self, number: int) -> None:
        """Keep the number of the signal."""
        super().__init__()
        self.number = number


def exit_on_signal() -> None:
    """End the process at once if a signal arrives, while there is nothing to put in order.

    An exception would leave a traceback where nothing can catch it: in the initialization of an
    imported module, and in the interpreter's last steps.
    """
    _handle(_exit)


def raise_on_signal() -> None:
    """Raise InterruptedRunError if a signal arrives, so that open files are put in order.

    A second signal ends the process at once.
    """

    def interrupt(number: int) -> None:
        exit_on_signal()
        raise InterruptedRunError(number)

    _handle(interrupt)


def call_on_signal(callback: Callable[[int], None]) -> None:
    """Call back with the number of each signal, between any two instructions of the main thread."""
    _handle(callback)


def _handle(callback: Callable[[int], None]) -> None:
    for number in _SIGNALS:
        signal.signal(number, lambda number, _: callback(number))


def _exit(number: int) -> NoReturn:
    with contextlib.suppress(OSError):
        os.write(2, b"digits-batch: interrupted\n")
    os._exit(EXIT_SIGNALED + number)
