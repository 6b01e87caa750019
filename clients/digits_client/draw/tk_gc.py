"""Garbage collection in Tk's own thread.

Python frees reference cycles in whichever thread happens to trigger a collection. If that
frees a Tk image or font in another thread, Tk is called from that thread, which aborts or
hangs the process.
"""

import contextlib
import gc
import tkinter as tk
from collections.abc import Iterator
from typing import Final

_INTERVAL_MILLISECONDS: Final = 2000


@contextlib.contextmanager
def gc_in_tk_thread(root: tk.Misc) -> Iterator[None]:
    """Collect garbage only by a Tk timer while the block runs, and once when it ends."""

    def collect() -> None:
        gc.collect()
        root.after(_INTERVAL_MILLISECONDS, collect)

    was_enabled = gc.isenabled()
    gc.collect()
    gc.freeze()  # long-lived objects need not be scanned in each collection
    gc.disable()
    try:
        root.after(_INTERVAL_MILLISECONDS, collect)
        yield
    finally:
        gc.collect()
        gc.unfreeze()
        if was_enabled:
            gc.enable()
