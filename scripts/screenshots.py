"""Make the pictures of the window in docs/images: a real window, a real server.

.venv/bin/python scripts/screenshots.py
"""

import tempfile
import time
import tkinter as tk
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import ImageGrab

from digits_client.cli.embedded import embedded_server
from digits_client.cli.server_options import ServerOptions
from digits_client.draw.corrections import Corrections
from digits_client.draw.strokes import Point
from digits_client.draw.theme import ThemeName
from digits_client.draw.tk_gc import collected_here
from digits_client.draw.window import DrawWindow
from scripts.virtual_display import virtual_display

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
PATIENCE_SECONDS = 20
THREE = [(118, 118), (135, 92), (170, 76), (212, 78), (244, 98), (254, 132), (242, 164), (212, 184)]
THREE += [(180, 190), (216, 196), (252, 214), (268, 250), (262, 290), (234, 318), (192, 328)]
THREE += [(150, 320), (122, 298)]
SEVEN = [
    (110, 100),
    (180, 98),
    (270, 92),
    (262, 116),
    (232, 170),
    (204, 230),
    (186, 290),
    (176, 330),
]
BAR = [(150, 214), (200, 208), (256, 204)]
STAR = [(200, 70), (246, 320), (80, 160), (322, 152), (140, 322), (200, 70)]


class Sitter(DrawWindow):
    """A window that is drawn in and pictured."""

    def until(self, condition: Callable[[], bool]) -> None:
        """Let Tk work until something is so."""
        last = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > last:
                raise SystemExit(f"it stays at {self.panel.answer}, {self.status.text}")
            self.root.tk.dooneevent()

    def until_answered(self) -> None:
        """Wait for the answer to the drawing as it is."""
        self.until(lambda: self.answered is not None and self.answered.ticket == self.ticket)

    def draw(self, *strokes: Sequence[Point]) -> None:
        """Move the pen."""
        scale = self.sheet.winfo_width() / 400
        for points in strokes:
            for number, (x, y) in enumerate(points):
                kind = "<B1-Motion>" if number else "<ButtonPress-1>"
                self.sheet.event_generate(kind, x=round(x * scale), y=round(y * scale))
            self.sheet.event_generate("<ButtonRelease-1>")

    def picture(self, display: str, name: str) -> None:
        """Write what is on the display, cut to the window."""
        self.root.update()
        x, y = self.root.winfo_rootx(), 0
        box = (
            x,
            y,
            x + self.root.winfo_width(),
            self.root.winfo_rooty() + self.root.winfo_height(),
        )
        ImageGrab.grab(bbox=box, xdisplay=display).quantize(64).save(IMAGES / f"{name}.png")


def pictured(address: str, folder: Path, theme: ThemeName) -> Sitter:
    """Open a window that is connected."""
    window = Sitter(
        tk.Tk(className="digits"), ServerOptions(address), Corrections(folder), theme=theme
    )
    window.until(lambda: window.status.text.startswith("Connected"))
    return window


def main() -> None:
    """Make the pictures."""
    with virtual_display() as display, tempfile.TemporaryDirectory() as folder:
        with embedded_server() as address:
            window = pictured(address, Path(folder), "light")
            with collected_here(window.root):
                window.draw(THREE)
                window.until_answered()
                window.picture(display, "draw-live")
                window.clear()
                window.draw(STAR)
                window.until_answered()
                window.picture(display, "draw-no-digit")
                window.toggle_dark()
                window.clear()
                window.draw(SEVEN, BAR)
                window.until_answered()
                window.keep(7)
                window.picture(display, "draw-dark")
                window.toggle_dark()
                window.clear()
                window.draw(THREE)
                window.until_answered()
        with collected_here(window.root):
            window.until(lambda: "No server" in window.status.text)
            window.picture(display, "draw-server-away")
            window.close()
            window.session.close()


if __name__ == "__main__":
    main()
