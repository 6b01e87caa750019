"""Tk's objects are freed in Tk's own thread.

Python frees reference cycles in whichever thread happens to allocate when it is time. An
image or a font of Tk's that is freed in another thread calls Tk from there, which aborts
the process or hangs it.
"""

import contextlib
import gc
import tkinter as tk
from collections.abc import Iterator
from typing import Final

_EVERY_MILLISECONDS: Final = 2000


@contextlib.contextmanager
def collected_here(root: tk.Misc) -> Iterator[None]:
    """Have cycles freed by a timer of this application alone, and once more at the end."""

    def collect() -> None:
        gc.collect()
        root.after(_EVERY_MILLISECONDS, collect)

    was_enabled = gc.isenabled()
    gc.collect()
    gc.freeze()  # what is there now stays, and need not be looked through each time
    gc.disable()
    try:
        root.after(_EVERY_MILLISECONDS, collect)
        yield
    finally:
        gc.collect()
        gc.unfreeze()
        if was_enabled:
            gc.enable()
