"""Take pictures of a real window.

python -m scripts.screenshots               those of docs/images
python -m scripts.screenshots --all FOLDER  of every state, to look at: at 100 %, at 125 % on
1366x768, at 200 % on 1600x1200, in the smallest and
in a large window, light and dark
"""

import argparse
import multiprocessing
import tempfile
import tkinter as tk
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from digits_client.cli.server_options import ServerOptions
from digits_client.client import Client
from digits_client.draw.corrections import Corrections
from digits_client.draw.layout import MIN_SIZE
from digits_client.draw.theme import ThemeName
from digits_client.draw.tk_gc import gc_in_tk_thread
from digits_client.embedded import embedded_server
from digits_client.look import LIGHT
from digits_client.percent import percent
from scripts.pen_strokes import BAR, NUMBER, SEVEN, STAR, THREE, UNSURE
from scripts.screenshot_window import ScreenshotWindow
from scripts.virtual_display import virtual_display

THEMES: tuple[ThemeName, ...] = ("light", "dark")
ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"

EXAMPLE = ROOT / "samples" / "numbers" / "80513" / "touching.png"
BOX_COLOR = LIGHT.accent
LABEL_SIZE = 16


class Setting(NamedTuple):
    """A display and a window."""

    screen: str
    scale: float
    size: tuple[int, int] | None = None
    """Width and height of the window's content in pixels; None for that of a new window."""


SETTINGS = {
    "100": Setting("1280x1024", 1.0),
    "125-laptop": Setting("1366x768", 1.25),
    "200": Setting("1600x1200", 2.0),
    "smallest": Setting("1280x1024", 1.0, MIN_SIZE),
    "large": Setting("2560x1440", 1.0, (2500, 1350)),
}


def draw_boxes(address: str) -> None:
    """Write the example of a number, with the box of each digit and how sure it is."""
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
            draw.text((middle, bottom + 8), percent(digit.share), BOX_COLOR, font, "mt")
    picture.quantize(64).save(IMAGES / "number-boxes.png")


@contextmanager
def open_window(
    address: str, theme: ThemeName, scale: float | None = None
) -> Iterator[ScreenshotWindow]:
    """Open a window that is connected, and close it."""
    with tempfile.TemporaryDirectory() as folder:
        root = tk.Tk(className="digits")
        window = ScreenshotWindow(
            root, ServerOptions(address), Corrections(Path(folder)), theme=theme, scale=scale
        )
        with gc_in_tk_thread(root):
            try:
                window.wait_until(lambda: window.connection.connected is not None)
                root.update()  # afterwards the sheet has its size
                yield window
            finally:
                window.close()
                window.session.close()


def dialogs(window: ScreenshotWindow) -> list[tk.Toplevel]:
    """Return the windows above the main window."""
    return [each for each in window.root.winfo_children() if isinstance(each, tk.Toplevel)]


def take_states(window: ScreenshotWindow, display: str, folder: Path) -> None:
    """Write a picture of each state."""
    number = 0

    def take(name: str) -> None:
        nonlocal number
        number += 1
        window.take_screenshot(display, folder / f"{number:02}-{name}.png", whole=True)

    take("empty")
    window.draw(THREE)
    take("digit")
    window.clear()
    window.draw(UNSURE)
    take("unsure")
    window.clear()
    window.draw(*NUMBER)
    window.point_at(210, 200)
    take("number")
    window.clear()
    window.draw(STAR)
    take("not-a-digit")
    window.correct("7")
    take("correction")
    window.save_correction("8")
    take("corrected")
    window.toggle_live()
    window.clear()
    window.draw_strokes(SEVEN)
    take("not-requested")
    window.toggle_live()
    window.wait_until_recognized()
    for name, show in (
        ("samples", window.show_samples),
        ("corrections", window.show_corrections),
        ("training", window.show_training),
        ("keys", window.show_keys),
        ("about", window.show_about),
    ):
        show()
        take(name)
        for dialog in dialogs(window):
            dialog.destroy()
    window.clear()


def take_presentation(window: ScreenshotWindow, display: str, path: Path) -> None:
    """Write a picture of the window's presentation."""
    window.draw(SEVEN)
    window.present()
    # What a window manager would do; the display has none.
    window.resize(window.root.winfo_screenwidth(), window.root.winfo_screenheight())
    window.take_screenshot(display, path)


def take_away(window: ScreenshotWindow, server: ExitStack, display: str, path: Path) -> None:
    """Stop the server, and write a picture of the window that waits for it."""
    server.close()
    window.wait_until(lambda: window.status.offered is not None)
    window.take_screenshot(display, path)


def take_setting(name: str, theme: ThemeName, folder: Path) -> None:
    """Write a picture of each state in one setting."""
    folder.mkdir(parents=True, exist_ok=True)
    setting = SETTINGS[name]
    with virtual_display(setting.screen) as display, ExitStack() as server:
        address = server.enter_context(embedded_server())
        with open_window(address, theme, setting.scale) as window:
            take_presentation(window, display, folder / "90-presentation.png")
        with open_window(address, theme, setting.scale) as window:
            if setting.size is not None:
                window.resize(*setting.size)
            take_states(window, display, folder)
            take_away(window, server, display, folder / "99-server-away.png")


def take_all(folder: Path) -> None:
    """Write pictures of every state in every setting, a folder for each."""
    processes = multiprocessing.get_context("spawn")
    for name in SETTINGS:
        for theme in THEMES:
            # Xlib ends a process whose display has gone.
            arguments = (name, theme, folder / f"{name}-{theme}")
            process = processes.Process(target=take_setting, args=arguments)
            process.start()
            process.join()
            if process.exitcode:
                raise SystemExit(process.exitcode)


def take_examples() -> None:
    """Write the pictures of docs/images."""
    with virtual_display() as display, ExitStack() as server:
        address = server.enter_context(embedded_server())
        draw_boxes(address)
        with open_window(address, "light") as window:
            window.draw(THREE)
            window.take_screenshot(display, IMAGES / "draw-live.png")
            window.clear()
            window.draw(*NUMBER)
            window.point_at(210, 200)
            window.take_screenshot(display, IMAGES / "draw-number.png")
            window.clear()
            window.draw(STAR)
            window.take_screenshot(display, IMAGES / "draw-no-digit.png")
            window.toggle_dark()
            window.clear()
            window.draw(SEVEN, BAR)
            window.take_screenshot(display, IMAGES / "draw-dark.png")
            window.toggle_dark()
            window.clear()
            window.draw(THREE)
            take_away(window, server, display, IMAGES / "draw-server-away.png")


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every state, to look at")
    folder = parser.parse_args().all
    if folder is not None:
        take_all(folder)
    else:
        take_examples()


if __name__ == "__main__":
    main()
