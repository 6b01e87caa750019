"""Decoded images as PNG files that a server accepts."""

import io
from typing import Final

from PIL import Image

from digits_client.errors import InvalidImageError

# What PNG stores as it is. Other modes of 8 bits per channel are converted.
_PNG_MODES: Final = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def to_png(image: Image.Image, limit_bytes: int) -> bytes:
    """Return an image as a PNG file, in half the size as often as it takes to be within a limit.

    Deep images of other types than 16 bits become a TIFF file, since PNG cannot store them.

    Args:
        image: The image, upright.
        limit_bytes: Maximum size of the file.

    Raises:
        InvalidImageError: Even a tiny image has more bytes than the limit.
    """
    if image.mode not in _PNG_MODES and not image.mode.startswith(("I", "F")):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    while True:
        content = _encode(image)
        if len(content) <= limit_bytes:
            return content
        if max(image.size) == 1:
            raise InvalidImageError(f"cannot be sent in {limit_bytes} bytes")
        image = _half(image)


def _encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    if image.mode in _PNG_MODES:
        image.save(buffer, "PNG", compress_level=1)  # fast, if larger
    else:
        image.save(buffer, "TIFF")
    return buffer.getvalue()


def _half(image: Image.Image) -> Image.Image:
    if image.mode == "P":
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode == "I;16":
        image = image.convert("I")
    return image.reduce(2)
