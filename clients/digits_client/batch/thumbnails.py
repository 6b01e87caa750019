"""Thumbnails of image files with untrusted content."""

import base64
import io
import warnings
from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageOps

from digits_client.look import LIGHT

SIDE: Final = 96
WIDE_SIDE: Final = 240
_BOX_COLOR: Final = (*ImageColor.getrgb(LIGHT.accent)[:3], 190)
FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
MAX_PIXELS: Final = 50_000_000


Boxes = Sequence[tuple[int, int, int, int]]
"""Left, top, width and height of rectangles, in pixels of the upright image."""


def thumbnail(content: bytes, boxes: Boxes = ()) -> str | None:
    """Return a small image as a data URI; None if it cannot be decoded.

    It has at most SIDE x SIDE pixels; with boxes, which are drawn on it, its width is at most
    WIDE_SIDE.

    Args:
        content: An image file in one of FORMATS.
        boxes: The digits of a number.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about large images, which are refused below
            return _shrink(content, boxes)
    except Exception:  # noqa: BLE001 - decoders raise any error on broken files
        return None


def _shrink(content: bytes, boxes: Boxes) -> str | None:
    size = (WIDE_SIDE if boxes else SIDE, SIDE)
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            return None
        full_width = image.width
        image.draft("RGB", size)
        scale = image.width / full_width
        upright = ImageOps.exif_transpose(image)
        is_deep = upright.mode.startswith(("I", "F"))
        width = upright.width
        small = _to_eight_bit(upright, size) if is_deep else upright.convert("RGBA")
        small.thumbnail(size)
        if boxes:
            small = _with_boxes(small.convert("RGBA"), boxes, scale * small.width / width)
        out = io.BytesIO()
        small.save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _with_boxes(image: Image.Image, boxes: Boxes, scale: float) -> Image.Image:
    """Draw boxes, given in pixels of the full image, on one that is scaled."""
    layer = Image.new("RGBA", image.size)
    draw = ImageDraw.Draw(layer)
    for left, top, width, height in boxes:
        right, bottom = (left + width) * scale, (top + height) * scale
        draw.rectangle((left * scale - 1, top * scale - 1, right, bottom), outline=_BOX_COLOR)
    return Image.alpha_composite(image, layer)


def _to_eight_bit(deep: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scale deep gray values to 8 bits; Pillow's own conversion clips them."""
    small = deep.convert("F")
    small.thumbnail(size)
    values = np.nan_to_num(np.asarray(small, np.float64), posinf=0, neginf=0)
    low, high = values.min(), values.max()
    scaled = (values - low) * (255 / max(high - low, 1e-9))
    return Image.fromarray(scaled.astype(np.uint8))
