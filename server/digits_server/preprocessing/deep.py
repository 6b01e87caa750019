"""Reducing images of more than 8 bits per color to 8 bits, by the levels that they use.

A file of 16 bits often has the 10, 12 or 14 bits of a sensor, or a narrow range of them.
"""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .fast_png import gray_or_rgb

# The levels of white: of floating-point images, and of 8, 10, 12, 14 and 16 bits.
_WHITES: Final = (1.0, 255.0, 1023.0, 4095.0, 16_383.0, 65_535.0)
# So many pixels may be brighter or darker than the range: hot and dead pixels of a sensor.
_PIXELS_PER_OUTLIER: Final = 10_000
# A range narrower than this share of white is stretched, because what is in it would be faint at
# 8 bits. Less than one level of 8 bits is grain, and so is what is within 10 standard deviations
# of the differences between neighbors.
_NARROW_SHARE: Final = 1 / 8
_GRAIN_SHARE: Final = 1 / 256
_GRAIN_SIGMAS: Final = 10.0
# The median difference of two numbers of a normal distribution, in its standard deviations.
_MEDIAN_DIFFERENCE: Final = 0.954
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPES: Final = (2, 4, 6)  # RGB, gray with alpha, RGBA
# Larger ones take too much memory, and keep their upper 8 bits.
_MAX_COLOR_PIXELS: Final = 2**22
_BAND_ROWS: Final = 64
_SAMPLE_SIDE: Final = 1024


def range_in_use(sample: NDArray[Any]) -> tuple[float, float]:
    """Return the levels of black and white of an image.

    White is the lowest of the usual levels that no pixel exceeds, and black is 0. An image that
    uses a small part of that range, or has negative levels, has the range that it uses.

    Args:
        sample: Levels of the image, whole numbers or floating point, in an array of any shape.
    """
    values = _to_float(sample).ravel()
    count = values.size // _PIXELS_PER_OUTLIER
    ordered = np.partition(values, (count, values.size - 1 - count))
    lowest, highest = float(ordered[count]), float(ordered[-1 - count])
    white = next((level for level in _WHITES if highest <= level), highest)
    if lowest < 0:
        return lowest, max(highest, lowest + 1)
    if _GRAIN_SHARE <= (highest - lowest) / white < _NARROW_SHARE:
        grain = float(np.median(np.abs(np.diff(values)))) / _MEDIAN_DIFFERENCE
        if highest - lowest > _GRAIN_SIGMAS * grain:
            return lowest, highest
    return 0.0, white


def reduce_to_8_bits(pixels: NDArray[Any], black: float, white: float) -> NDArray[np.uint8]:
    """Return levels scaled so that black is 0 and white is 255."""
    scaled = _to_float(pixels)
    scaled -= np.float32(black)
    scaled *= np.float32(255 / (white - black))
    scaled.clip(0, 255, out=scaled)
    scaled += np.float32(0.5)
    return scaled.astype(np.uint8)


def _to_float(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Return levels as floating-point numbers; what is not a number is 0."""
    floats = pixels.astype(np.float32)
    is_whole = np.issubdtype(pixels.dtype, np.integer)
    return floats if is_whole else np.nan_to_num(floats, copy=False, posinf=0, neginf=0)


def reduce_color_png(encoded: bytes, image: Image.Image) -> Image.Image:
    """Return the pixels of a PNG of 16 bits per color; any other image as it is.

    Pillow keeps the upper 8 of the 16 bits, which may be all but empty.

    Args:
        encoded: The file.
        image: The file as Pillow has opened it. It is loaded first, because Pillow rejects what is
            truncated or corrupt.
    """
    is_deep = encoded.startswith(_PNG) and encoded[24] == 16 and encoded[25] in _COLOR_TYPES
    if not is_deep or image.width * image.height > _MAX_COLOR_PIXELS:
        return image
    image.load()
    deep = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.ndim != 3:
        return image
    pixels = _reduce(deep, deep[..., :3])
    if deep.shape[2] == 4:
        pixels[..., 3] = _reduce(deep[..., 3], deep[..., 3])
    reduced = Image.fromarray(np.asarray(gray_or_rgb(pixels)))
    reduced.info["exif"] = image.info.get("exif")
    return reduced


def _reduce(deep: NDArray[Any], measured: NDArray[Any]) -> NDArray[np.uint8]:
    """Return pixels reduced to 8 bits by the range that some of their channels use."""
    step = 1 + max(measured.shape) // _SAMPLE_SIDE
    black, white = range_in_use(measured[::step, ::step])
    pixels = np.empty(deep.shape, np.uint8)
    for top in range(0, len(deep), _BAND_ROWS):
        rows = slice(top, top + _BAND_ROWS)
        pixels[rows] = reduce_to_8_bits(deep[rows], black, white)
    return pixels
