"""HEIC images, decoded with the optional pillow-heif, since the server does not read them."""

import importlib.util
from typing import Final

from digits_client.errors import InvalidImageError

MAX_FILE_BYTES: Final = 64 * 2**20
"""Maximum size of a file; photos have a few megabytes."""

MAX_PIXELS: Final = 100_000_000
"""Maximum size of a decoded image; photos of phones have up to 50 million pixels."""


def is_available() -> bool:
    """Return whether pillow-heif is installed."""
    return importlib.util.find_spec("pillow_heif") is not None


def to_png(content: bytes, limit_bytes: int) -> bytes:
    """Return the main image of a HEIC file as a PNG file.

    Args:
        content: The HEIC file.
        limit_bytes: Maximum size of the PNG file. A larger image is sent in half the size, or
            less.

    Raises:
        InvalidImageError: The file is not a HEIC image, is broken, or has too many pixels.
    """
    import pillow_heif  # imported late, because most runs have no such images

    from .png_encoding import to_png

    try:
        image = pillow_heif.open_heif(content)  # reads the header only
        pixel_count = image.size[0] * image.size[1]
        if pixel_count > MAX_PIXELS:
            raise InvalidImageError(
                f"has {pixel_count:,} pixels; HEIC images may have {MAX_PIXELS:,}"
            )
        return to_png(image.to_pillow(), limit_bytes)
    except InvalidImageError:
        raise
    except Exception as error:
        raise InvalidImageError("is not a HEIC image, or is broken") from error
