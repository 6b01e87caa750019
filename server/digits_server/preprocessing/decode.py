"""Decoding images to gray pixels, with the limits checked before the work."""

import io
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from digits_server.errors import InvalidArgumentError

from .deep import reduce_color_png
from .fast_png import decode_fast_png, fast_png_size
from .gray import to_gray
from .structure import check_scans, check_structure, count_further_pages, webp_pixel_count

# Pillow knows many more formats. They stay disabled, because each is more code that parses
# untrusted bytes.
FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")

# Its decoder takes three times the memory per pixel that the others take.
_WEBP_SHARE: Final = 2
# A smaller image never takes too much memory.
_LARGE_PIXELS: Final = 2**22

# Libraries report memory that they are refused as if the image were corrupt.
OR_MEMORY: Final = ", or takes too much memory"

_ENCODED: Final = "image.encoded"
_FORMAT_NAMES: Final = "PNG, JPEG, WebP, BMP, GIF or TIFF"


@dataclass(frozen=True)
class ImageLimits:
    """Limits on the size of one image."""

    max_bytes: int
    """Size of the encoded image."""

    max_pixels: int
    """Width times height once decoded."""


class Decoded(NamedTuple):
    """The content of an image file."""

    gray: NDArray[np.uint8]
    """(H, W) from 0 for black to 255 for white: the first page or frame."""
    unread_pages: int
    """Number of further pages or frames, which are not looked at."""


def decode(encoded: bytes, limits: ImageLimits) -> Decoded:
    """Decode a PNG, JPEG, WebP, BMP, GIF (first frame) or TIFF (first page).

    The pixels become gray, upright, as ``to_gray`` describes it.

    Raises:
        InvalidArgumentError: The image has another format, is truncated or empty, or exceeds
            a limit. The size is read from the header, so that an image that is too large is
            never decoded.
    """
    if not encoded:
        raise InvalidArgumentError(_ENCODED, "is empty")
    if len(encoded) > limits.max_bytes:
        raise InvalidArgumentError(
            _ENCODED, f"has {len(encoded)} bytes; at most {limits.max_bytes} are accepted"
        )
    size = fast_png_size(encoded)
    if size is not None and min(size) > 0:
        _check_size(_ENCODED, *size, limits)
        pixels = decode_fast_png(encoded)
        if pixels is not None:
            return Decoded(pixels if pixels.ndim == 2 else to_gray(Image.fromarray(pixels)), 0)
    check_structure(encoded)
    pixel_count = webp_pixel_count(encoded) or 0
    if pixel_count * _WEBP_SHARE > limits.max_pixels:
        raise InvalidArgumentError(
            _ENCODED,
            f"is a WebP of {pixel_count} pixels; at most {limits.max_pixels // _WEBP_SHARE} are "
            "accepted in this format",
        )
    try:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
            _check_size(_ENCODED, image.width, image.height, limits)
            pixel_count = image.width * image.height
            check_scans(encoded, pixel_count)
            gray = to_gray(reduce_color_png(encoded, image))
            return Decoded(gray, count_further_pages(encoded))
    except InvalidArgumentError:
        raise
    except UnidentifiedImageError:
        raise InvalidArgumentError(_ENCODED, f"is not a {_FORMAT_NAMES} image") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InvalidArgumentError(
            _ENCODED, f"is too large; at most {limits.max_pixels} pixels are accepted"
        ) from None
    except MemoryError:
        raise
    except Exception as error:
        # Pillow raises OSError, SyntaxError, ValueError, struct.error and more for
        # inconsistent bytes. Whichever it is, the image is at fault.
        or_memory = OR_MEMORY if pixel_count > _LARGE_PIXELS else ""
        raise InvalidArgumentError(_ENCODED, f"is truncated or corrupt{or_memory}") from error


def from_raw(width: int, height: int, data: bytes, limits: ImageLimits) -> NDArray[np.uint8]:
    """View raw gray pixels as an array, without a copy.

    Returns:
        (height, width) uint8, read-only.

    Raises:
        InvalidArgumentError: A side is 0, the image exceeds the pixel limit, or ``data``
            does not have width * height bytes.
    """
    for side, length in (("width", width), ("height", height)):
        if length == 0:
            raise InvalidArgumentError(f"image.raw.{side}", "is 0; it must be at least 1")
    _check_size("image.raw", width, height, limits)
    if len(data) != width * height:
        raise InvalidArgumentError(
            "image.raw.data",
            f"has {len(data)} bytes; width * height is {width} * {height} = {width * height}",
        )
    return np.frombuffer(data, np.uint8).reshape(height, width)


def _check_size(name: str, width: int, height: int, limits: ImageLimits) -> None:
    if width < 1 or height < 1:
        raise InvalidArgumentError(name, f"has no pixels: its size is {width} x {height}")
    if width * height > limits.max_pixels:
        raise InvalidArgumentError(
            name,
            f"is {width} x {height} = {width * height} pixels; "
            f"at most {limits.max_pixels} are accepted",
        )
