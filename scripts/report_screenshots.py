"""Make reports with the real commands, and pictures of them on a phone, a desktop, and in the dark.

python -m scripts.report_screenshots DIR                  # of samples/, and of samples/numbers/
python -m scripts.report_screenshots DIR labeled/ r.html  # of other images, and a finished report
"""

import argparse
import base64
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from scripts.browser import Browser, open_browser

ROOT: Final = Path(__file__).resolve().parents[1]
MAX_HEIGHT: Final = 6000
"""Height of a picture in CSS pixels, from the top of the page."""


class Screen(NamedTuple):
    """A width in CSS pixels, and the colors that are preferred."""

    width: int
    scheme: str = "light"


SCREENS: Final = {
    "phone": Screen(390),
    "phone-dark": Screen(390, "dark"),
    "desktop": Screen(1280),
    "dark": Screen(1280, "dark"),
}
# Scripts that bring a page into a state.
STATES: Final = {
    "opened": "",
    "filtered": "const form = document.forms[0];"
    "form.verdict.value = 'digit'; form.most.value = '97'; form.dispatchEvent(new Event('input'))",
}


def make_report(folder: Path, name: str, paths: Sequence[str], *flags: str) -> Path:
    """Return a report on images by ``digits-batch``, which may fail for some of them."""
    file = folder / f"{name}.html"
    command = [sys.executable, "-m", "digits_client.batch.cli", *paths, *flags]
    subprocess.run([*command, "--report", file], stdout=subprocess.DEVNULL, cwd=ROOT, check=False)
    return file


def take(browser: Browser, report: Path, screen: Screen, state: str) -> bytes:
    """Return a picture of a report in a state, as PNG."""
    browser.resize(screen.width, 844, is_phone=screen.width < 600)
    browser.set_media(prefers_color_scheme=screen.scheme)
    browser.driver.get(report.resolve().as_uri())
    browser.script(STATES[state])
    height = min(browser.script("return document.documentElement.scrollHeight"), MAX_HEIGHT)
    clip = {"x": 0, "y": 0, "width": screen.width, "height": height, "scale": 1}
    shot = browser.command("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
    return base64.b64decode(shot["data"])


def _reports(folder: Path, paths: Sequence[str]) -> Iterator[Path]:
    if not paths:
        yield make_report(folder, "samples", ["samples"])
        yield make_report(folder, "numbers", ["samples/numbers"], "--numbers")
    for path in paths:
        if path.endswith(".html"):
            yield Path(path)
        else:
            yield make_report(folder, Path(path).name, [path])


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="where the pictures go")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="images, or reports (*.html)")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    reports = list(_reports(arguments.folder.resolve(), arguments.paths))
    with open_browser() as browser:
        for report in reports:
            for name, screen in SCREENS.items():
                for state in STATES:
                    picture = arguments.folder / f"{report.stem}-{name}-{state}.png"
                    picture.write_bytes(take(browser, report, screen, state))


if __name__ == "__main__":
    main()
