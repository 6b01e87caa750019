"""Make the pictures in docs/images: screenshots of a real window, and a number read by the library.

.venv/bin/python -m scripts.screenshots
"""

import tempfile
import time
import tkinter as tk
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageGrab

from digits_client.cli.server_options import ServerOptions
from digits_client.client import Client
from digits_client.draw.corrections import Corrections
from digits_client.draw.drawing import SHEET_HEIGHT
from digits_client.draw.strokes import Point
from digits_client.draw.theme import ThemeName
from digits_client.draw.tk_gc import gc_in_tk_thread
from digits_client.draw.window import DrawWindow
from digits_client.embedded import embedded_server
from scripts.pen_strokes import BAR, NUMBER, SEVEN, STAR, THREE
from scripts.virtual_display import virtual_display

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
TIMEOUT_SECONDS = 20

EXAMPLE = ROOT / "samples" / "numbers" / "80513" / "touching.png"
BOX_COLOR = (220, 90, 20)
LABEL_SIZE = 16


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

    def take_screenshot(self, display: str, name: str) -> None:
        """Write the window's part of the display, with the menu bar, to docs/images."""
        self.root.update()
        left = self.root.winfo_rootx()
        right = left + self.root.winfo_width()
        bottom = self.root.winfo_rooty() + self.root.winfo_height()
        screenshot = ImageGrab.grab(bbox=(left, 0, right, bottom), xdisplay=display)
        screenshot.quantize(64).save(IMAGES / f"{name}.png")


def draw_boxes(address: str) -> None:
    """Write the example of a number, with the box and the confidence of each digit."""
    with Client(address) as client:
        number = client.recognize_number(EXAMPLE)
    picture = Image.open(EXAMPLE).convert("RGB")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(LABEL_SIZE)
    for digit in number.digits:
        if digit.box is not None:
            left, top, width, height = digit.box
            right, bottom = left + width, top + height
            draw.rectangle((left - 3, top - 3, right + 3, bottom + 3), outline=BOX_COLOR, width=2)
            middle = (left + right) / 2
            draw.text((middle, bottom + 8), f"{digit.confidence:.0%}", BOX_COLOR, font, "mt")
    picture.quantize(64).save(IMAGES / "number-boxes.png")


def open_window(address: str, folder: Path, theme: ThemeName) -> ScreenshotWindow:
    """Open a window and wait until it is connected."""
    window = ScreenshotWindow(
        tk.Tk(className="digits"), ServerOptions(address), Corrections(folder), theme=theme
    )
    window.wait_until(lambda: window.status.text.startswith("Connected"))
    return window


def main() -> None:
    """Take all screenshots."""
    with virtual_display() as display, tempfile.TemporaryDirectory() as folder:
        with embedded_server() as address:
            draw_boxes(address)
            window = open_window(address, Path(folder), "light")
            with gc_in_tk_thread(window.root):
                window.draw(THREE)
                window.wait_until_recognized()
                window.take_screenshot(display, "draw-live")
                window.clear()
                window.draw(*NUMBER)
                window.wait_until_recognized()
                window.point_at(210, 200)
                window.take_screenshot(display, "draw-number")
                window.clear()
                window.draw(STAR)
                window.wait_until_recognized()
                window.take_screenshot(display, "draw-no-digit")
                window.toggle_dark()
                window.clear()
                window.draw(SEVEN, BAR)
                window.wait_until_recognized()
                window.save_correction("7")
                window.take_screenshot(display, "draw-dark")
                window.toggle_dark()
                window.clear()
                window.draw(THREE)
                window.wait_until_recognized()
        with gc_in_tk_thread(window.root):
            # The first reason is that the connection was lost; the next attempt finds no server.
            window.wait_until(
                lambda: (
                    window.status.text.startswith("No server")
                    and "Retrying in" in window.status.text
                )
            )
            window.take_screenshot(display, "draw-server-away")
            window.close()
            window.session.close()


if __name__ == "__main__":
    main()
