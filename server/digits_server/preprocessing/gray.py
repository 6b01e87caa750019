"""Converting a decoded image to gray, a band of rows at a time.

Pillow holds a color image in four bytes per pixel, and floating-point values take up to eight.
Bands keep what is added to it small: an image of 16 megapixels takes less than 100 MB.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from .color_axis import find_color_axis, project
from .deep import range_in_use, reduce_to_8_bits
from .transparency import flatten, paper_color

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
        gray[rows] = convert(band)
    upright = _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return gray if upright is None else np.ascontiguousarray(upright(gray))


def _converter(image: Image.Image) -> Callable[[Image.Image], _Pixels]:
    """Return the function that converts each band of an image to gray."""
    if image.mode.startswith(("I", "F")):
        black, white = range_in_use(np.asarray(_sample(image, _DEEP_SAMPLE_SIDE)))
        return lambda band: reduce_to_8_bits(np.asarray(band), black, white)
    if image.mode == "LAB":
        return lambda band: np.asarray(band.getchannel("L"))
    is_transparent = image.has_transparency_data and not _is_opaque(image)
    if not is_transparent and image.mode in _GRAY_MODES:
        return lambda band: np.asarray(band.convert("L"))
    sample = _sample(image, _SAMPLE_SIDE)
    to_rgb = _to_rgb
    if is_transparent:
        to_rgb = functools.partial(flatten, paper=paper_color(sample.convert("RGBA")))
    axis = find_color_axis(to_rgb(sample))
    if axis is not None:
        return lambda band: project(to_rgb(band), axis)
    if is_transparent:
        return lambda band: np.asarray(to_rgb(band).convert("L"))
    return lambda band: np.asarray(band.convert("L"))


def _is_opaque(image: Image.Image) -> bool:
    """Return whether an image has no transparent pixel, though it could have."""
    return image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255)


def _to_rgb(image: Image.Image) -> Image.Image:
    return image.convert("RGB")


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
