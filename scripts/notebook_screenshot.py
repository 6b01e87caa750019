"""Make docs/images/notebook.png: results as a notebook shows them, light and dark.

.venv/bin/python -m scripts.notebook_screenshot

Chromium takes the picture; on Debian: apt-get install chromium.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

from digits_client.client import Client
from digits_client.results import Number, Prediction

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "notebook.png"
SAMPLES = ROOT / "samples"
SIZE = (1000, 440)
OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", f"--window-size={SIZE[0]},{SIZE[1]}"),
)
THEMES = "background:#fff;color:#222", "background:#1e1e1e;color:#ddd"


def drawn(*lines: list[tuple[int, int]]) -> Image.Image:
    """Return an image of lines, drawn in black on white."""
    image = Image.new("L", (200, 200), 255)
    for line in lines:
        ImageDraw.Draw(image).line(line, fill=0, width=14, joint="curve")
    return image


def results(client: Client) -> list[Prediction | Number]:
    """Return the results to show: a digit, a letter, an unsure digit and a number."""
    letter = drawn([(40, 180), (100, 20), (160, 180)], [(62, 120), (138, 120)])
    unsure = drawn([(67, 50), (110, 30), (100, 180)])
    return [
        client.recognize(SAMPLES / "3" / "thin.png", include_frame=True),
        client.recognize(letter, include_frame=True),
        client.recognize(unsure, include_frame=True),
        client.recognize_number(SAMPLES / "numbers" / "2026" / "spaced.png", include_frame=True),
    ]


def main() -> None:
    """Run the command line."""
    browser = shutil.which("chromium")
    if browser is None:
        sys.exit("chromium is not installed")
    with Client.embedded() as client:
        shown = "".join(f"<p>{result._repr_html_()}</p>" for result in results(client))
    columns = "".join(f'<div style="flex:1;padding:0 16px;{one}">{shown}</div>' for one in THEMES)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_text(f'<!doctype html><body style="display:flex;margin:0">{columns}', "utf-8")
        command = [browser, *OPTIONS, f"--user-data-dir={folder}/profile"]
        subprocess.run([*command, f"--screenshot={PICTURE}", page.as_uri()], check=True)


if __name__ == "__main__":
    main()
