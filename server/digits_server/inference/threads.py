"""Threads that work on images, which step back behind the one that takes the calls."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

# The least there is. On one core at three times what it can do, the event loop otherwise gets
# to calls seconds after they came, to turn them away "at once"; two steps cost images.
_NICENESS: Final = 1


def image_threads(count: int, name: str) -> ThreadPoolExecutor:
    """Return threads that leave the core to the event loop when both want it."""
    return ThreadPoolExecutor(count, thread_name_prefix=name, initializer=_step_back)


def _step_back() -> None:
    if sys.platform == "linux":  # where a thread has a niceness of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
