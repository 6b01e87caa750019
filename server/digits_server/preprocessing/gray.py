"""Converting a decoded image to gray, a band of rows at a time.

Pillow holds a color image in four bytes per pixel, and floating-point values take up to eight.
Bands keep what is added to it small: an image of 16 megapixels takes less than 100 MB.
"""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from .color_axis import find_color_axis, project
from .deep import range_in_use, reduce_to_8_bits
from .transparency import find_paper, flatten

# Colors and paper are looked at in a sample of the pixels, of at most this side.
_SAMPLE_SIDE: Final = 64
# Gray has more levels, and its sample shows the very lightest and darkest.
_DEEP_SAMPLE_SIDE: Final = 1024
_GRAY_MODES: Final = ("1", "L")
_BAND_PIXELS: Final = 2**18

_Pixels = NDArray[np.uint8]

# EXIF's orientations, as operations on (H, W) arrays. Orientation 1 is upright.
_UPRIGHT: Final[dict[int, Callable[[_Pixels], _Pixels]]] = {
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).T,
    8: np.rot90,
}


def to_gray(image: Image.Image) -> _Pixels:
    """Return an image in gray, upright.

    The EXIF orientation is applied. Gray of more than 8 bits is scaled by the levels in use.
    Transparent pixels take the color of the paper that keeps the ink visible. Colors become
    luminance, or, where luminance hardly differs, their place along the axis on which they differ.

    Returns:
        (H, W) uint8, from 0 for black to 255 for white.
    """
    image.load()  # some formats have their EXIF data after the pixels
    convert = _converter(image)
    gray = np.empty((image.height, image.width), np.uint8)
    for rows, band in _bands(image):
        gray[rows] = convert(rows, band)
    upright = _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return gray if upright is None else np.ascontiguousarray(upright(gray))


def _converter(image: Image.Image) -> Callable[[slice, Image.Image], _Pixels]:
    """Return the function that converts each band of an image, given its rows, to gray."""
    if image.mode.startswith(("I", "F")):
        black, white = range_in_use(np.asarray(_sample(image, _DEEP_SAMPLE_SIDE)))
        return lambda _, band: reduce_to_8_bits(np.asarray(band), black, white)
    if image.mode == "LAB":
        return lambda _, band: np.asarray(band.getchannel("L"))
    sample = _sample(image, _SAMPLE_SIDE)
    if image.has_transparency_data and not _is_opaque(image):
        paper, height = find_paper(sample.convert("RGBA")), image.height
        axis = find_color_axis(flatten(sample, paper, 0, 1))

        def convert(rows: slice, band: Image.Image) -> _Pixels:
            rgb = flatten(band, paper, rows.start / height, rows.stop / height)
            return np.asarray(rgb.convert("L")) if axis is None else project(rgb, axis)

        return convert
    axis = None if image.mode in _GRAY_MODES else find_color_axis(sample.convert("RGB"))
    if axis is None:
        return lambda _, band: np.asarray(band.convert("L"))
    return lambda _, band: project(band.convert("RGB"), axis)


def _is_opaque(image: Image.Image) -> bool:
    """Return whether an image has no transparent pixel, though it could have."""
    return image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255)


def _sample(image: Image.Image, max_side: int) -> Image.Image:
    """Return pixels of an image, evenly spread: an image with sides of at most ``max_side``."""
    if max(image.size) <= max_side:
        return image
    size = min(image.width, max_side), min(image.height, max_side)
    return image.resize(size, Image.Resampling.NEAREST)


def _bands(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    """Yield the rows of each band of an image, and the band."""
    height = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, height):
        bottom = min(top + height, image.height)
        yield slice(top, bottom), image.crop((0, top, image.width, bottom))
