"""Make the pictures of the page in docs/images: a phone, a desktop, dark colors, and 200%.

python -m scripts.page_screenshots             # the four pictures of the documents
python -m scripts.page_screenshots --all DIR   # every state in every size, to look at
"""

import argparse
import base64
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from PIL import Image

from digits_client.embedded import embedded_server
from scripts.browser import Browser, open_browser
from scripts.pen_strokes import NUMBER, STAR, THREE, UNSURE
from scripts.web_process import web_process

ROOT: Final = Path(__file__).resolve().parents[1]
IMAGES: Final = ROOT / "docs" / "images"


class Screen(NamedTuple):
    """A size in CSS pixels, with the pixels of the screen that each has."""

    width: int
    height: int
    ratio: float = 1
    scheme: str = "light"
    is_phone: bool = False


SCREENS: Final = {
    "phone": Screen(390, 844, 2, is_phone=True),
    "phone-dark": Screen(390, 844, 2, "dark", is_phone=True),
    "phone-sideways": Screen(844, 390, 1, is_phone=True),
    "desktop": Screen(1280, 800),
    "dark": Screen(1280, 800, 1, "dark"),
    "zoomed": Screen(640, 400, 2),  # 1280 x 800 at 200%
    "laptop": Screen(1093, 614, 1.25),  # 1366 x 768 at 125%
    "projector": Screen(1920, 1080),
    "tiny": Screen(320, 568, 1, is_phone=True),
}
PICTURES: Final = ("phone", "desktop", "dark", "zoomed")


def draw_number(browser: Browser) -> None:
    """Draw a star and a 3, which become earlier results, and 2026; point at its 0."""
    for strokes in ([STAR], [THREE]):
        browser.draw(strokes)
        browser.wait_until_recognized()
        browser.find("#clear-button").click()
    width = browser.script(
        "const box = canvas.getBoundingClientRect(); return box.width / box.height"
    )
    scale = min(1.0, width * 400 / 500)
    browser.draw([[(x * scale, y * scale + 200 * (1 - scale)) for x, y in each] for each in NUMBER])
    browser.wait_until_read("2026")
    browser.script("document.querySelector('#headline button:nth-child(2)').focus()")
    browser.script("scrollTo(0, 0)")


def _draw_star(browser: Browser) -> None:
    browser.draw([STAR])
    browser.wait_until_recognized()


def _draw_unsure(browser: Browser) -> None:
    browser.draw([UNSURE])
    browser.wait_until_recognized()


def _click_sample(browser: Browser) -> None:
    browser.script("document.querySelector('#gallery li:nth-child(9) button').click()")
    browser.wait_until_read("80513")


def _correct(browser: Browser) -> None:
    browser.draw([THREE])
    browser.wait_until_read("3")
    browser.script("document.querySelector('#correct-button').click()")
    browser.find("#meant").send_keys("8\n")
    browser.wait_until_text("#notice", "Saved")


def _open_help(browser: Browser) -> None:
    browser.script("document.querySelector('#help-button').click()")


def _read_page(browser: Browser) -> None:
    browser.script("layout.value = 'page'; layout.dispatchEvent(new Event('change'))")
    for top in (-110, 90):
        browser.draw([[(x, y + top) for x, y in digit] for digit in NUMBER])
    browser.wait_until_recognized()


STATES: Final[dict[str, Callable[[Browser], Any]]] = {
    "empty": lambda browser: None,
    "number": draw_number,
    "unsure": _draw_unsure,
    "not-a-digit": _draw_star,
    "sample": _click_sample,
    "correction": _correct,
    "help": _open_help,
    "page": _read_page,
}


def take(browser: Browser, url: str, screen: Screen, state: str) -> Image.Image:
    """Return a screenshot of the page in a state."""
    width, height, ratio, scheme, is_phone = screen
    browser.resize(width, height, ratio=ratio, is_phone=is_phone)
    browser.set_media(prefers_color_scheme=scheme)
    browser.open(url)
    browser.wait_until("!document.querySelector('#correct-button').hidden")
    browser.wait_until("[...document.images].every((image) => image.complete || !image.width)")
    STATES[state](browser)
    # Two frames later, everything is painted.
    browser.script(
        "window.painted = false;"
        "requestAnimationFrame(() => requestAnimationFrame(() => { window.painted = true }))"
    )
    browser.wait_until("window.painted")
    content = browser.command("Page.captureScreenshot", format="png")["data"]
    return Image.open(io.BytesIO(base64.b64decode(content)))


def main() -> None:
    """Take the screenshots."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", type=Path, metavar="DIR", help="every state in every size")
    folder = parser.parse_args().all
    with (
        tempfile.TemporaryDirectory() as corrections,
        embedded_server() as address,
        web_process(address, "--corrections", corrections) as web,
        open_browser() as browser,
    ):
        if folder is None:
            for name in PICTURES:
                picture = take(browser, web.url, SCREENS[name], "number")
                picture.quantize(128).save(IMAGES / f"page-{name}.png", optimize=True)
            return
        folder.mkdir(parents=True, exist_ok=True)
        for name, screen in SCREENS.items():
            for state in STATES:
                take(browser, web.url, screen, state).save(folder / f"{name}-{state}.png")


if __name__ == "__main__":
    main()
