"""Converting a decoded image to gray, a band of rows at a time.

Pillow holds a color image in four bytes per pixel, and floating-point values take up to eight.
Bands keep what is added to it small: an image of 16 megapixels takes less than 100 MB.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

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
    """Return the luminance of an image, upright.

    The EXIF orientation is applied, and 16 bits and more become 8. Transparent pixels become
    paper: white under dark ink, black under light ink.

    Returns:
        (H, W) uint8, from 0 for black to 255 for white.
    """
    image.load()  # some formats have their EXIF data after the pixels
    if image.mode.startswith(("I", "F")):
        gray = _reduce_to_8_bits(image)
    elif image.has_transparency_data:
        gray = _compose_on_paper(image)
    else:
        gray = np.empty((image.height, image.width), np.uint8)
        for rows, band in _bands(image):
            gray[rows] = np.asarray(
                band.getchannel("L") if band.mode == "LAB" else band.convert("L")
            )
    upright = _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return gray if upright is None else np.ascontiguousarray(upright(gray))


def _bands(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    """Yield the rows of each band of an image, and the band."""
    height = _band_height(image)
    for top in range(0, image.height, height):
        bottom = min(top + height, image.height)
        yield slice(top, bottom), image.crop((0, top, image.width, bottom))


def _band_height(image: Image.Image) -> int:
    return max(1, _BAND_PIXELS // image.width)


def _reduce_to_8_bits(image: Image.Image) -> _Pixels:
    """Reduce 16-bit, 32-bit and floating-point gray to 8 bits.

    16-bit pixels are scaled by their full range, the others by the range that they use.
    """
    if image.mode.startswith("I;16"):
        white = 65_535.0
    else:
        highest = max(_values(band).max() for _, band in _bands(image))
        white = next((level for level in (1.0, 255.0, 65_535.0) if highest <= level), highest)
    gray = np.empty((image.height, image.width), np.uint8)
    for rows, band in _bands(image):
        gray[rows] = np.clip(_values(band) / white, 0, 1) * 255 + 0.5
    return gray


def _values(band: Image.Image) -> NDArray[np.float64]:
    pixels: NDArray[Any] = np.asarray(band)
    return np.nan_to_num(pixels.astype(np.float64))


def _compose_on_paper(image: Image.Image) -> _Pixels:
    """Put an image with transparency on white or black paper, whichever contrasts with its ink."""
    gray = np.empty((image.height, image.width), np.uint8)
    alpha = np.empty_like(gray)
    ink_sum = opacity_sum = 0.0
    for rows, band in _bands(image):
        gray[rows], alpha[rows] = map(np.asarray, band.convert("RGBA").convert("LA").split())
        if not alpha[rows].any():
            continue
        ink, opacity = _ink(gray[rows], alpha[rows])
        ink_sum += float(ink.sum())
        opacity_sum += float(opacity.sum())
    ink_is_light = opacity_sum > 0 and ink_sum / opacity_sum > 127
    paper = np.float32(0 if ink_is_light else 255)
    for top in range(0, len(gray), _band_height(image)):
        rows = slice(top, top + _band_height(image))
        if alpha[rows].min() == 255:  # opaque
            continue
        ink, opacity = _ink(gray[rows], alpha[rows])
        gray[rows] = ink + paper * (1 - opacity) + 0.5
    return gray


def _ink(gray: _Pixels, alpha: _Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the gray levels multiplied by the opacity, and the opacity in 0..1."""
    opacity = alpha.astype(np.float32) / np.float32(255)
    return gray.astype(np.float32) * opacity, opacity
