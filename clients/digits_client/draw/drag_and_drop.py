"""Files dropped on the window, where Tk can take them.

Tk itself cannot; its extension tkdnd can, and is used where it is installed.
"""

import tkinter as tk
from collections.abc import Callable


def accept_files(widget: tk.Misc, open_file: Callable[[str], None]) -> bool:
    """Have the first of the files that are dropped on a widget opened.

    Returns:
        Whether files can be dropped here.
    """
    try:
        widget.tk.call("package", "require", "tkdnd")
        widget.tk.call("tkdnd::drop_target", "register", str(widget), "DND_Files")
    except tk.TclError:
        return False

    def dropped(paths: str) -> str:
        for path in widget.tk.splitlist(paths)[:1]:
            open_file(str(path))
        return "copy"

    command = widget.register(dropped)
    widget.tk.call("bind", str(widget), "<<Drop:DND_Files>>", f"{command} %D")
    return True
