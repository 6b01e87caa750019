"""Thumbnails of image files with untrusted content."""

import base64
import io
import warnings
from typing import Final

import numpy as np
from PIL import Image, ImageOps

SIDE: Final = 96
FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
MAX_PIXELS: Final = 50_000_000


def thumbnail(content: bytes) -> str | None:
    """Return an image of at most SIDE x SIDE pixels as a data URI; None if it cannot be decoded.

    Args:
        content: An image file in one of FORMATS.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about large images, which are refused below
            return _shrink(content)
    except Exception:  # noqa: BLE001 - decoders raise any error on broken files
        return None


def _shrink(content: bytes) -> str | None:
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            return None
        image.draft("RGB", (SIDE, SIDE))
        upright = ImageOps.exif_transpose(image)
        is_deep = upright.mode.startswith(("I", "F"))
        small = _to_eight_bit(upright) if is_deep else upright.convert("RGBA")
        small.thumbnail((SIDE, SIDE))
        out = io.BytesIO()
        small.save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _to_eight_bit(deep: Image.Image) -> Image.Image:
    """Scale deep gray values to 8 bits; Pillow's own conversion clips them."""
    small = deep.convert("F")
    small.thumbnail((SIDE, SIDE))
    values = np.nan_to_num(np.asarray(small, np.float64), posinf=0, neginf=0)
    low, high = values.min(), values.max()
    scaled = (values - low) * (255 / max(high - low, 1e-9))
    return Image.fromarray(scaled.astype(np.uint8))
