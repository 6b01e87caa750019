"""Opening files that are dropped on the window.

Tk itself does not support this. Its extension tkdnd does, and is used where it is installed.
"""

import tkinter as tk
from collections.abc import Callable


def accept_files(widget: tk.Misc, open_file: Callable[[str], None]) -> bool:
    """Open the first of the files that are dropped on a widget.

    Returns:
        True if files can be dropped, False if tkdnd is not installed.
    """
    try:
        widget.tk.call("package", "require", "tkdnd")
        widget.tk.call("tkdnd::drop_target", "register", str(widget), "DND_Files")
    except tk.TclError:
        return False

    def on_drop(paths: str) -> str:
        for path in widget.tk.splitlist(paths)[:1]:
            open_file(str(path))
        return "copy"

    command = widget.register(on_drop)
    widget.tk.call("bind", str(widget), "<<Drop:DND_Files>>", f"{command} %D")
    return True
