"""Threads for image work, which yield to the thread that handles calls."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

# The smallest step. Without it, on one core at three times its capacity, the event loop handles
# calls seconds after they arrive, and so rejects them late. Two steps would slow down the images.
_NICENESS: Final = 1


def image_threads(count: int) -> ThreadPoolExecutor:
    """Return threads that leave the core to the event loop when both want it."""
    return ThreadPoolExecutor(count, thread_name_prefix="images", initializer=_lower_priority)


def _lower_priority() -> None:
    if sys.platform == "linux":  # where each thread has its own niceness
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
