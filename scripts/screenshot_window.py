"""A window that draws and takes pictures of itself, for scripts."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image, ImageGrab

from digits_client.draw.drawing import SHEET_HEIGHT
from digits_client.draw.strokes import Point
from digits_client.draw.window import DrawWindow

TIMEOUT_SECONDS = 30


class ScreenshotWindow(DrawWindow):
    """A window that draws and takes pictures of itself."""

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Run Tk's event loop until a condition is true."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise SystemExit(f"timed out; shown: {self.panel.view}, {self.status.text}")
            self.root.tk.dooneevent()

    def wait_until_recognized(self) -> None:
        """Wait for the prediction of the current revision."""
        self.wait_until(
            lambda: (
                self.last_recognized is not None and self.last_recognized.revision == self.revision
            )
        )

    def draw(self, *strokes: Sequence[Point]) -> None:
        """Draw strokes, and wait for their prediction."""
        self.draw_strokes(*strokes)
        self.wait_until_recognized()

    def draw_strokes(self, *strokes: Sequence[Point]) -> None:
        """Draw strokes by events of the first mouse button."""
        scale = self.sheet.winfo_height() / SHEET_HEIGHT
        for points in strokes:
            for number, (x, y) in enumerate(points):
                kind = "<B1-Motion>" if number else "<ButtonPress-1>"
                self.sheet.event_generate(kind, x=round(x * scale), y=round(y * scale))
            self.sheet.event_generate("<ButtonRelease-1>")

    def point_at(self, x: float, y: float) -> None:
        """Move the pointer to a point of the sheet."""
        scale = self.sheet.winfo_height() / SHEET_HEIGHT
        self.sheet.event_generate("<Motion>", x=round(x * scale), y=round(y * scale))

    def resize(self, width: int, height: int) -> None:
        """Give the window's content a size in pixels, and wait until it has that."""
        self.root.geometry(f"{width}x{height}")
        self.wait_until(
            lambda: (self.root.winfo_width(), self.root.winfo_height()) == (width, height)
        )
        self.root.update()

    def take_screenshot(self, display: str, path: Path, *, whole: bool = False) -> None:
        """Write the window's part of the display, with the menu bar, or the whole display."""
        self.root.update()
        left = self.root.winfo_rootx()
        right = left + self.root.winfo_width()
        bottom = self.root.winfo_rooty() + self.root.winfo_height()
        box = None if whole else (left, 0, right, bottom)
        screenshot: Image.Image = ImageGrab.grab(bbox=box, xdisplay=display)
        screenshot.quantize(128).save(path)
