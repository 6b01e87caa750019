"""The memory of this process, and its return to the system."""

import ctypes
import mmap
from pathlib import Path
from typing import Final

_STATISTICS: Final = Path("/proc/self/statm")
_RESIDENT: Final = 1


def resident_bytes() -> int:
    """Return the memory of this process; 0 where the system does not tell."""
    try:
        pages = int(_STATISTICS.read_bytes().split()[_RESIDENT])
    except OSError:
        return 0
    return pages * mmap.PAGESIZE


def return_free_memory() -> None:
    """Let the allocator return what is free; takes milliseconds. For any thread."""
    try:
        libc = ctypes.CDLL(None)
    except TypeError:  # Windows
        return
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
