"""The images that are sent: drawn digits, the same in every run, or the files of a folder."""

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

MAX_FILES: Final = 1000
MAX_BYTES: Final = 64 * 2**20
"""Limit of all files together, since every process of the generator holds them in memory."""


class ImageKind(enum.StrEnum):
    """The encoding of drawn digits."""

    RAW28 = "raw28"
    """28x28 raw gray pixels."""
    PNG28 = "png28"
    """The same pixels as a PNG file."""
    PNG300 = "png300"
    """A PNG file of the whole 300x300 canvas."""
    PNG600 = "png600"
    """PNG files of numbers of four digits on a canvas of 600x300."""


def _arc(x: float, y: float, width: float, height: float, start: int, end: int) -> list[Point]:
    """Return points on the ellipse around (x, y), between two angles in degrees."""
    angles = (math.radians(degrees) for degrees in range(start, end + 1, 10))
    return [(x + width * math.cos(angle), y + height * math.sin(angle)) for angle in angles]


# Strokes in a unit square, x to the right and y down.
_DIGITS: Final[dict[int, list[list[Point]]]] = {
    0: [_arc(0.5, 0.5, 0.28, 0.46, -70, 300)],
    1: [[(0.36, 0.24), (0.54, 0.04), (0.52, 0.96)]],
    3: [[*_arc(0.46, 0.27, 0.25, 0.22, 200, 450), *_arc(0.46, 0.72, 0.29, 0.23, -90, 155)]],
    4: [[(0.42, 0.05), (0.2, 0.62), (0.82, 0.6)], [(0.64, 0.34), (0.62, 0.96)]],
    7: [[(0.2, 0.08), (0.8, 0.06), (0.62, 0.4), (0.44, 0.95)]],
}
_CANVAS_SIZE: Final = 300
_SMALL_SIZE: Final = 28
_DIGIT_HEIGHT: Final = 200
_PEN_WIDTH: Final = 24
_NUMBERS: Final = ("1347", "7103", "4031", "3410", "0174")
_NUMBER_DIGIT_HEIGHT: Final = 120
_NUMBER_PEN_WIDTH: Final = 12


def load_images(images: ImageKind | Path) -> list[pb.Image]:
    """Return the images of a kind or of a folder.

    Raises:
        InvalidImageError: The folder holds no images, or one cannot be read.
    """
    if isinstance(images, Path):
        return from_folder(images)
    if images is ImageKind.PNG600:
        return list(drawn_numbers().values())
    return list(drawn_digits(images).values())


def drawn_digits(kind: ImageKind) -> dict[int, pb.Image]:
    """Return drawn images, by digit."""
    return {digit: _encode(_draw_digit(digit), kind) for digit in _DIGITS}


def drawn_numbers() -> dict[str, pb.Image]:
    """Return drawn images of numbers, by their text."""
    return {text: _encode(_draw_number(text), ImageKind.PNG600) for text in _NUMBERS}


def from_folder(folder: Path) -> list[pb.Image]:
    """Return the image files in and below a folder, in order, up to MAX_FILES and MAX_BYTES.

    Raises:
        InvalidImageError: The folder holds no images, or one cannot be read; the message names it.
    """
    images: list[pb.Image] = []
    bytes_left = MAX_BYTES
    for item in itertools.islice(find([str(folder)], globs=False), MAX_FILES):
        try:
            content = item.read(MAX_BYTES)
        except InvalidImageError as error:
            raise InvalidImageError(f"{item.path} {error}") from error
        bytes_left -= len(content)
        if bytes_left < 0:
            break
        images.append(pb.Image(encoded=content))
    if not images:
        raise InvalidImageError(f"{folder} holds no images")
    return images


def _draw_digit(digit: int) -> Image.Image:
    margin = (_CANVAS_SIZE - _DIGIT_HEIGHT) / 2
    strokes = _strokes(digit, margin, margin, _DIGIT_HEIGHT, _PEN_WIDTH)
    return draw(strokes, (_CANVAS_SIZE, _CANVAS_SIZE))


def _draw_number(text: str) -> Image.Image:
    top, width = (_CANVAS_SIZE - _NUMBER_DIGIT_HEIGHT) / 2, 2 * _CANVAS_SIZE
    distance = width / (len(text) + 0.5)
    strokes = [
        stroke
        for index, digit in enumerate(text)
        for stroke in _strokes(
            *(int(digit), (index + 0.25) * distance, top),
            *(_NUMBER_DIGIT_HEIGHT, _NUMBER_PEN_WIDTH),
        )
    ]
    return draw(strokes, (width, _CANVAS_SIZE))


def _strokes(digit: int, left: float, top: float, height: float, pen: float) -> list[Stroke]:
    return [
        Stroke(tuple((left + x * height, top + y * height) for x, y in line), pen)
        for line in _DIGITS[digit]
    ]


def _encode(drawing: Image.Image, kind: ImageKind) -> pb.Image:
    if kind in (ImageKind.RAW28, ImageKind.PNG28):
        drawing = drawing.resize((_SMALL_SIZE, _SMALL_SIZE), Image.Resampling.BOX)
    if kind is ImageKind.RAW28:
        return to_message(drawing)
    buffer = io.BytesIO()
    drawing.save(buffer, "PNG")
    return pb.Image(encoded=buffer.getvalue())
