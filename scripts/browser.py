"""Chromium without a window, for scripts and tests that use the page as a person does."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from digits_client.draw.strokes import Point

SHEET_HEIGHT: Final = 400
"""Height of the page's sheet in its own pixels."""
TIMEOUT_SECONDS: Final = 60
_POLL_SECONDS: Final = 0.02
_FLAGS: Final = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--disable-dev-shm-usage",
)

Pointer = Literal["mouse", "touch", "pen"]


def find_browser() -> tuple[str, str] | None:
    """Return the paths of Chromium and of its driver, or None if one is missing."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


class Browser:
    """A tab that shows the page. Points are in pixels of the sheet, 400 from top to bottom."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def resize(self, width: int, height: int, *, ratio: float = 1, is_phone: bool = False) -> None:
        """Give the tab a size in CSS pixels, of which each has so many pixels of the screen."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=ratio,
            mobile=is_phone,
        )
        self.command("Emulation.setTouchEmulationEnabled", enabled=is_phone)

    def set_media(self, **features: str) -> None:
        """Set media features, as ``prefers_color_scheme="dark"``."""
        named = [{"name": name.replace("_", "-"), "value": features[name]} for name in features]
        self.command("Emulation.setEmulatedMedia", features=named)

    def open(self, url: str) -> None:
        """Open the page, and wait until it is connected."""
        self.driver.get(url)
        self.wait_until_connected()

    def command(self, name: str, **parameters: Any) -> Any:
        """Send a command of the Chrome DevTools Protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def script(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page and return its value."""
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> WebElement:
        """Return the first element that a CSS selector selects."""
        return self.driver.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        """Return the text of an element, whether it is in view or not."""
        return str(self.script("return document.querySelector(arguments[0]).textContent", selector))

    def wait_until(self, condition: str, *arguments: Any) -> None:
        """Wait until an expression of JavaScript is true.

        Raises:
            AssertionError: It is still false after TIMEOUT_SECONDS.
        """
        script = f"return Boolean({condition})"
        waiting = WebDriverWait(self.driver, TIMEOUT_SECONDS, _POLL_SECONDS)
        try:
            waiting.until(lambda _: self.script(script, *arguments))
        except TimeoutException:
            shown = {
                selector: self.text(selector)
                for selector in ("#headline", "#caption", "#connection-text", "#notice")
            }
            raise AssertionError(f"{condition} is still false; shown: {shown}") from None

    def wait_until_connected(self) -> None:
        """Wait until the page is connected."""
        self.wait_until("document.querySelector('#connection')?.dataset.state === 'connected'")

    def wait_until_recognized(self) -> None:
        """Wait until the page shows the result of what is on the sheet."""
        self.wait_until("document.body.dataset.drawn === document.body.dataset.shown")

    def wait_until_text(self, selector: str, part: str) -> None:
        """Wait until the text of an element contains a part."""
        self.wait_until(
            "document.querySelector(arguments[0]).textContent.includes(arguments[1])",
            selector,
            part,
        )

    def wait_until_read(self, text: str) -> None:
        """Wait until the page shows a number or a digit for what is on the sheet."""
        self.wait_until(
            "document.body.dataset.drawn === document.body.dataset.shown"
            " && document.querySelector('#headline').textContent === arguments[0]",
            text,
        )

    def draw(self, strokes: Sequence[Sequence[Point]], pointer: Pointer = "mouse") -> None:
        """Draw strokes by events of the browser, as the operating system sends them."""
        for points in strokes:
            for event in self.pen_events(points, pointer):
                self.send_pen_event(*event)

    def pen_events(
        self, points: Sequence[Point], pointer: Pointer = "mouse"
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the commands that draw one stroke."""
        left, top, side = self.script(
            "const canvas = document.querySelector('#canvas');"
            "canvas.scrollIntoView({ block: 'nearest' });"
            "const box = canvas.getBoundingClientRect();"
            "return [box.left, box.top, Math.min(box.width, box.height)]"
        )
        scale = side / SHEET_HEIGHT
        places = [{"x": left + x * scale, "y": top + y * scale} for x, y in points]
        if pointer == "touch":
            for number, place in enumerate(places):
                kind = "touchMove" if number else "touchStart"
                yield "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [place]}
            yield "Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []}
            return
        button = {"button": "left", "clickCount": 1, "pointerType": pointer}
        for number, place in enumerate(places):
            kind = "mouseMoved" if number else "mousePressed"
            # A pen is pressed harder and harder.
            force = {"force": (number + 1) / len(places)} if pointer == "pen" else {}
            yield (
                "Input.dispatchMouseEvent",
                {"type": kind, "buttons": 1, **place, **button, **force},
            )
        yield "Input.dispatchMouseEvent", {"type": "mouseReleased", **places[-1], **button}

    def send_pen_event(self, command: str, parameters: dict[str, Any]) -> None:
        """Send one of the commands that ``pen_events`` yields."""
        self.command(command, **parameters)

    def problems(self) -> list[str]:
        """Return what the browser has logged as an error since the last call."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]


@contextlib.contextmanager
def open_browser() -> Iterator[Browser]:
    """Start Chromium without a window, and end it afterwards.

    Raises:
        SystemExit: Chromium or its driver is missing.
    """
    found = find_browser()
    if found is None:
        raise SystemExit(
            "Chromium is not installed; on Debian, run: apt-get install chromium chromium-driver"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for flag in (*_FLAGS, f"--user-data-dir={folder}"):
            options.add_argument(flag)
        service = Service(found[1], log_output=subprocess.DEVNULL)
        driver = webdriver.Chrome(options=options, service=service)
        try:
            yield Browser(driver)
        finally:
            driver.quit()
