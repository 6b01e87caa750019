"""The pictures of the evaluation report, as ``data:`` URLs."""

import base64
import io
from typing import Final

from PIL import Image, ImageOps

from .eval_set import EvalSet

THUMBNAIL_SIDE: Final = 84


def picture(eval_set: EvalSet, index: int) -> Image.Image:
    """Return an image of a set in its own colors, where browsers can show them."""
    if eval_set.files:
        with Image.open(io.BytesIO(eval_set.files[index])) as image:
            if not image.mode.startswith(("I", "F")):
                return ImageOps.exif_transpose(image.convert("RGBA"))
    return Image.fromarray(eval_set.images[index])


def thumbnail(
    image: Image.Image, name: str, size: tuple[int, int] = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
) -> str:
    """Return an ``img`` element of at most this size; a smaller image shows its pixels."""
    is_small = max(image.size) < THUMBNAIL_SIDE
    small = image.copy()
    small.thumbnail(size)
    file = io.BytesIO()
    small.save(file, "PNG", optimize=True)
    source = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    css_class = ' class="small"' if is_small else ""
    return f'<img{css_class} alt="{name}" src="{source}">'
