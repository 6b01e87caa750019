"""The images that are sent: digits drawn here, the same each time, or the user's own."""

import enum
import io
import itertools
import math
from pathlib import Path
from typing import Final

from PIL import Image

from digits.v1 import recognizer_pb2 as pb
from digits_client.draw.strokes import Point, Stroke, draw
from digits_client.errors import InvalidImageError
from digits_client.images import to_message
from digits_client.sources import find

MOST_FILES: Final = 1000
MOST_BYTES: Final = 64 * 2**20
"""Of all files: each process holds them."""


class Drawn(enum.StrEnum):
    """How the drawn digits are sent."""

    RAW28 = "raw28"
    """28 x 28 gray pixels as they are."""
    PNG28 = "png28"
    """The same as a PNG file."""
    PNG300 = "png300"
    """A PNG file of a canvas of 300 x 300."""


def _arc(x: float, y: float, width: float, height: float, begin: int, end: int) -> list[Point]:
    """Return points on an ellipse about (x, y), from an angle to another, in degrees."""
    angles = (math.radians(degrees) for degrees in range(begin, end + 1, 10))
    return [(x + width * math.cos(angle), y + height * math.sin(angle)) for angle in angles]


# In a box of 1 x 1, x to the right and y down.
_DIGITS: Final[dict[int, list[list[Point]]]] = {
    0: [_arc(0.5, 0.5, 0.28, 0.46, -70, 300)],
    1: [[(0.36, 0.24), (0.54, 0.04), (0.52, 0.96)]],
    3: [[*_arc(0.46, 0.27, 0.25, 0.22, 200, 450), *_arc(0.46, 0.72, 0.29, 0.23, -90, 155)]],
    4: [[(0.42, 0.05), (0.2, 0.62), (0.82, 0.6)], [(0.64, 0.34), (0.62, 0.96)]],
    7: [[(0.2, 0.08), (0.8, 0.06), (0.62, 0.4), (0.44, 0.95)]],
}
_CANVAS: Final = 300
_SMALL: Final = 28
_HEIGHT: Final = 200
_PEN: Final = 24


def drawn(form: Drawn) -> dict[int, pb.Image]:
    """Return images by the digit that is drawn on them."""
    return {digit: _in_form(_drawing(digit), form) for digit in _DIGITS}


def from_folder(folder: Path) -> list[pb.Image]:
    """Return the images of a folder and those below, in their order, as far as they are bearable.

    Raises:
        InvalidImageError: There is none, or one cannot be read; the message names it.
    """
    images: list[pb.Image] = []
    bytes_left = MOST_BYTES
    for item in itertools.islice(find([str(folder)], globs=False), MOST_FILES):
        try:
            content = item.read(MOST_BYTES)
        except InvalidImageError as error:
            raise InvalidImageError(f"{item.path} {error}") from error
        bytes_left -= len(content)
        if bytes_left < 0:
            break
        images.append(pb.Image(encoded=content))
    if not images:
        raise InvalidImageError(f"{folder} holds no images")
    return images


def _drawing(digit: int) -> Image.Image:
    margin = (_CANVAS - _HEIGHT) / 2
    strokes = [
        Stroke(tuple((margin + x * _HEIGHT, margin + y * _HEIGHT) for x, y in line), _PEN)
        for line in _DIGITS[digit]
    ]
    return draw(strokes, (_CANVAS, _CANVAS))


def _in_form(drawing: Image.Image, form: Drawn) -> pb.Image:
    if form is not Drawn.PNG300:
        drawing = drawing.resize((_SMALL, _SMALL), Image.Resampling.BOX)
    if form is Drawn.RAW28:
        return to_message(drawing)
    buffer = io.BytesIO()
    drawing.save(buffer, "PNG")
    return pb.Image(encoded=buffer.getvalue())
