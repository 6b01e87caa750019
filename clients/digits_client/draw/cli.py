"""The command ``digits-draw``: draw a digit and see it recognized."""

import argparse
import importlib.metadata
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from digits.arguments import whole_number
from digits.command_parser import CommandParser
from digits.standard_streams import allow_any_text, open_closed_streams
from digits_client.cli.server_options import ServerOptions, add_options

from .commands import key_table
from .corrections import Corrections, default_folder

EXIT_OK: Final = 0
EXIT_NO_WINDOW: Final = 1

DESCRIPTION = "Draw a digit or a number; the server recognizes it while you draw."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    open_closed_streams(can_be_used=True)
    allow_any_text()
    parser = _parser()
    parsed = parser.parse_args(arguments)
    options = ServerOptions.of(parser, parsed)
    if parsed.picture and not Path(parsed.picture).is_file():
        parser.error(f"argument PICTURE: {parsed.picture} is not a file")
    try:
        import tkinter as tk
    except ImportError:
        print(f"digits-draw: this Python has no Tk: {_tk_hint()}", file=sys.stderr)
        return EXIT_NO_WINDOW
    # Imported after the check, because these modules need Tk.
    from .theme import enable_dpi_awareness, system_theme
    from .window import DrawWindow

    stop = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stop.set())
    enable_dpi_awareness()
    try:
        root = tk.Tk(className="digits")
    except tk.TclError as error:
        print(f"digits-draw: cannot open a window: {error}", file=sys.stderr)
        return EXIT_NO_WINDOW
    theme = system_theme() if parsed.theme == "system" else parsed.theme
    corrections = Corrections(parsed.drawings or default_folder())
    scale = parsed.scale / 100 if parsed.scale else None
    window = DrawWindow(root, options, corrections, theme=theme, scale=scale, stop=stop)
    if parsed.picture:
        root.after_idle(window.files.open, parsed.picture)  # in run, which closes the session
    window.run()
    return EXIT_OK


def _tk_hint() -> str:
    """Return how to install Tk on this system."""
    if sys.platform == "win32":
        return "run the installer of Python again, and select tcl/tk"
    if sys.platform == "darwin":
        return "run brew install python-tk, or use the Python of python.org"
    return "run apt-get install python3-tk (Debian, Ubuntu) or dnf install python3-tkinter (Fedora)"


def _parser() -> argparse.ArgumentParser:
    keys = "\n".join(
        f"  {keys:23} {label}" for keys, label in key_table(mac=sys.platform == "darwin")
    )
    parser = CommandParser(
        prog="digits-draw",
        description=DESCRIPTION,
        epilog=f"keys:\n{keys}\n\nThe right mouse button erases.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = importlib.metadata.version("digits")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    parser.add_argument("picture", nargs="?", metavar="PICTURE", help="picture to open")
    add_options(
        parser,
        otherwise="else 127.0.0.1:50051, or a private one if none is running there",
    )
    parser.add_argument(
        "--drawings",
        type=Path,
        metavar="FOLDER",
        help=f"folder for corrected drawings; default: {default_folder()}",
    )
    parser.add_argument(
        "--theme",
        choices=("system", "light", "dark"),
        default="system",
        help="color theme; default: system, which is the system's setting",
    )
    parser.add_argument(
        "--scale",
        type=whole_number(50, 400),
        metavar="PERCENT",
        help="size of everything in percent, 50 to 400; default: the display's setting",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
