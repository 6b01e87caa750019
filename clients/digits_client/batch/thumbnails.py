"""Small pictures of image files, whatever is in them."""

import base64
import io
from typing import Final

import numpy as np
from PIL import Image, ImageOps

SIDE: Final = 96
FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
MAX_PIXELS: Final = 50_000_000


def thumbnail(content: bytes) -> str | None:
    """Return an image of at most SIDE pixels a side as a data URI; None for what is no image.

    Args:
        content: An image file in one of FORMATS.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                return None
            image.draft("RGB", (SIDE, SIDE))
            upright = ImageOps.exif_transpose(image)
            is_deep = upright.mode.startswith(("I", "F"))
            small = _eight_bit(upright) if is_deep else upright.convert("RGBA")
            small.thumbnail((SIDE, SIDE))
            out = io.BytesIO()
            small.save(out, "PNG")
    except Exception:  # noqa: BLE001 - decoders raise what they like at broken files
        return None
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _eight_bit(deep: Image.Image) -> Image.Image:
    """Spread deep gray over 8 bits; Pillow's own conversion clips it."""
    values = np.asarray(deep, np.float64)
    low, high = values.min(), values.max()
    scaled = (values - low) * (255 / max(high - low, 1e-9))
    return Image.fromarray(scaled.astype(np.uint8))
