"""Draw the repository's sample images from the strokes below.

    python -m scripts.draw_samples

It writes ``samples/``, which ``make demo`` classifies (drawings of every digit, a few numbers, and
a few broken files), ``server/digits_server/self_test_images/``, the ten digits that a model must
recognize before the server serves it, and the gallery of the page: some of the samples, and a star.
"""

import io
import math
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from digits_client.draw.strokes import Point, Stroke, draw
from scripts.pen_strokes import STAR

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples"
SELF_TEST_IMAGES = ROOT / "server" / "digits_server" / "self_test_images"
GALLERY = ROOT / "clients" / "digits_client" / "web" / "page" / "samples"
IN_GALLERY = (
    *("3/chalk", "7/marker", "4/thin", "8/corner", "2/small", "0/marker"),
    *("numbers/17/chalk", "numbers/2026/spaced", "numbers/80513/touching"),
)
"""Names of samples, without their suffix."""
SEED = 2


def arc(x: float, y: float, width: float, height: float, start: int, end: int) -> list[Point]:
    """Return points on an ellipse around (x, y), between two angles in degrees.

    0 degrees points right and 90 points down.
    """
    steps = max(2, abs(end - start) // 10)
    angles = (math.radians(start + (end - start) * step / steps) for step in range(steps + 1))
    return [(x + width * math.cos(a), y + height * math.sin(a)) for a in angles]


# The lines of each digit in a 1 x 1 box, x to the right and y down.
DIGITS: list[list[list[Point]]] = [
    [arc(0.5, 0.5, 0.28, 0.46, -70, 300)],
    [[(0.36, 0.24), (0.54, 0.04), (0.53, 0.5), (0.52, 0.96)]],
    [[*arc(0.5, 0.28, 0.26, 0.24, 190, 390), (0.5, 0.68), (0.22, 0.94), (0.5, 0.91), (0.8, 0.94)]],
    [[*arc(0.46, 0.27, 0.25, 0.22, 200, 450), *arc(0.46, 0.72, 0.29, 0.23, -90, 155)]],
    [[(0.42, 0.05), (0.3, 0.35), (0.2, 0.62), (0.82, 0.6)], [(0.64, 0.34), (0.62, 0.96)]],
    [
        [(0.34, 0.06), (0.3, 0.44), *arc(0.46, 0.68, 0.28, 0.27, 240, 505)],
        [(0.34, 0.06), (0.76, 0.05)],
    ],
    [[(0.62, 0.04), (0.4, 0.28), *arc(0.48, 0.7, 0.23, 0.24, 195, 545)]],
    [[(0.2, 0.08), (0.5, 0.07), (0.8, 0.06), (0.62, 0.4), (0.44, 0.95)]],
    [
        [
            *arc(0.5, 0.28, 0.21, 0.22, -40, -270),
            *arc(0.5, 0.73, 0.26, 0.23, -90, 270),
            *arc(0.5, 0.28, 0.21, 0.22, 90, -40),
        ]
    ],
    [[*arc(0.5, 0.3, 0.23, 0.24, -20, -360), (0.72, 0.34), (0.68, 0.66), (0.58, 0.96)]],
]


class Style(NamedTuple):
    """A way in which a person may draw."""

    name: str
    canvas: int
    """Side of the square image, in pixels."""
    height: float
    """Height of the digit, as a share of the canvas."""
    pen: float
    """Width of the pen, in pixels."""
    slant: float = 0.0
    """Shift of x to the right per unit of height."""
    place: Point = (0.5, 0.5)
    """Center of the digit, as shares of the canvas."""
    ink: int = 0
    paper: int = 255


STYLES = (
    Style("marker", 280, 0.72, 22),
    Style("thin", 300, 0.66, 7, slant=0.12),
    Style("corner", 320, 0.34, 9, place=(0.26, 0.72)),
    Style("chalk", 280, 0.62, 16, slant=-0.06, ink=240, paper=30),
    Style("small", 96, 0.7, 6, slant=0.08),
)


NUMBERS = (
    ("2026", Style("spaced", 240, 0.5, 10), 1.0),
    ("17", Style("chalk", 240, 0.5, 9, slant=0.1, ink=235, paper=40), 0.9),
    ("80513", Style("touching", 240, 0.45, 9, slant=0.06), 0.58),
)
"""The text of each sample number, its style, and from digit to digit as a share of their height."""


def digit_strokes(digit: int, style: Style, rng: random.Random) -> list[Stroke]:
    """Return the strokes of a digit, with the unsteadiness of a hand."""
    tilt = style.slant + rng.uniform(-0.05, 0.05)
    width = rng.uniform(0.82, 1.0)
    height = style.height * style.canvas
    strokes = []
    for line in DIGITS[digit]:
        points = []
        for x, y in line:
            slanted = (x - 0.5) * width - (y - 0.5) * tilt + rng.gauss(0, 0.006)
            points.append(
                (
                    style.place[0] * style.canvas + slanted * height,
                    style.place[1] * style.canvas + (y - 0.5 + rng.gauss(0, 0.006)) * height,
                )
            )
        strokes.append(Stroke(tuple(points), style.pen))
    return strokes


def draw_digit(digit: int, style: Style, rng: random.Random) -> Image.Image:
    """Return a drawing of a digit."""
    strokes = digit_strokes(digit, style, rng)
    return draw(strokes, (style.canvas, style.canvas), paper=style.paper, ink=style.ink)


def broken_files(png: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of files without a digit.

    Args:
        png: Content of a valid PNG file.
    """
    yield "empty.png", b""
    yield "not-an-image.png", b"This is a text that somebody named .png by mistake.\n"
    yield "truncated.png", png[: len(png) // 2]
    blank = io.BytesIO()
    Image.new("L", (200, 200), 255).save(blank, "PNG")
    yield "blank.png", blank.getvalue()


def draw_number(text: str, style: Style, step: float, rng: random.Random) -> Image.Image:
    """Return a drawing of a number, on a canvas that is wider than high."""
    distance = step * style.height * style.canvas
    width = round(distance * len(text) + 0.5 * style.canvas)
    strokes = []
    for index, digit in enumerate(text):
        x = (0.5 * style.canvas + distance * (index + 0.5) - 0.25 * style.canvas) / style.canvas
        strokes += digit_strokes(int(digit), style._replace(place=(x, 0.5)), rng)
    return draw(strokes, (width, style.canvas), paper=style.paper, ink=style.ink)


def write_gallery() -> None:
    """Write the images that the page offers to click."""
    GALLERY.mkdir(exist_ok=True)
    for name in IN_GALLERY:
        page_name = name.removeprefix("numbers/").replace("/", "-")
        shutil.copyfile(SAMPLES / f"{name}.png", GALLERY / f"{page_name}.png")
    star = Stroke(tuple((x * 0.7, y * 0.7) for x, y in STAR), 11)
    draw([star], (280, 280)).save(GALLERY / "star.png", optimize=True)


def main() -> None:
    """Replace the content of the folders."""
    rng = random.Random(SEED)
    for folder in (SAMPLES, SELF_TEST_IMAGES):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for digit in range(10):
        draw_digit(digit, STYLES[0], rng).save(SELF_TEST_IMAGES / f"{digit}.png")
        (SAMPLES / str(digit)).mkdir()
        for style in STYLES:
            draw_digit(digit, style, rng).save(SAMPLES / str(digit) / f"{style.name}.png")
    for text, style, step in NUMBERS:
        (SAMPLES / "numbers" / text).mkdir(parents=True)
        image = draw_number(text, style, step, rng)
        image.save(SAMPLES / "numbers" / text / f"{style.name}.png")
    (SAMPLES / "odd").mkdir()
    for name, content in broken_files((SELF_TEST_IMAGES / "8.png").read_bytes()):
        (SAMPLES / "odd" / name).write_bytes(content)
    write_gallery()


if __name__ == "__main__":
    main()
