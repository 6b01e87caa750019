"""The command ``digits-draw``: draw a digit and see it recognised."""

import argparse
import importlib.metadata
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from digits_client.cli.server_options import ServerOptions, add_options

from .commands import key_table
from .corrections import Corrections, default_folder

EXIT_OK: Final = 0
EXIT_NO_WINDOW: Final = 1

DESCRIPTION = "Draw a digit and see, while drawing, which one the server recognises."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    connection = ServerOptions.of(parser, parsed)
    try:
        import tkinter as tk
    except ImportError:
        print(
            "digits-draw: this Python has no Tk; on Debian: apt-get install python3-tk",
            file=sys.stderr,
        )
        return EXIT_NO_WINDOW
    # After the check, since all of it needs Tk.
    from .theme import system_theme, use_every_pixel
    from .window import DrawWindow

    ended = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: ended.set())
    use_every_pixel()
    try:
        root = tk.Tk(className="digits")
    except tk.TclError as error:
        print(f"digits-draw: no window can be opened here: {error}", file=sys.stderr)
        return EXIT_NO_WINDOW
    theme = system_theme() if parsed.theme == "system" else parsed.theme
    kept = Corrections(parsed.drawings or default_folder())
    scale = parsed.scale / 100 if parsed.scale else None
    DrawWindow(root, connection, kept, theme=theme, scale=scale, ended=ended).run()
    return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    keys = "\n".join(
        f"  {keys:22} {what}" for keys, what in key_table(mac=sys.platform == "darwin")
    )
    parser = argparse.ArgumentParser(
        prog="digits-draw",
        description=DESCRIPTION,
        epilog=f"keys:\n{keys}\n\nThe right mouse button erases.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = importlib.metadata.version("digits")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    add_options(
        parser, otherwise="else 127.0.0.1:50051, with the offer to start one if none answers"
    )
    parser.add_argument(
        "--drawings",
        type=Path,
        metavar="FOLDER",
        help=f"where corrected drawings are kept; default: {default_folder()}",
    )
    parser.add_argument(
        "--theme",
        choices=("system", "light", "dark"),
        default="system",
        help="default: as the system has it",
    )
    parser.add_argument(
        "--scale",
        type=_scale,
        metavar="PERCENT",
        help="size of everything, 50 to 400; default: what the display says",
    )
    return parser


def _scale(text: str) -> int:
    if not text.isdecimal() or not 50 <= int(text) <= 400:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 50 to 400")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
