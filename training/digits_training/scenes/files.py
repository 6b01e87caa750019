"""Image files as people send them."""

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Kinds that come from cameras and scanners, whose files are often JPEG.
_PHOTO_KINDS: Final = frozenset(
    {"plain", "cell", "desk", "letterbox", "shadow", "underlined", "small"}
    | {"grain", "ruled", "squared", "specks"}
)
# In a smaller image, the artifacts of JPEG hide the strokes.
_MIN_JPEG_SIDE: Final = 100


def encode_pixels(
    kind: str, pixels: NDArray[np.uint8] | NDArray[np.uint16], random: np.random.Generator
) -> bytes:
    """Return an image file: PNG, TIFF for some deep images, JPEG for many large photos.

    Args:
        kind: Kind of the scene or of the blank image.
        pixels: (H, W), (H, W, 3) or (H, W, 4) uint8, or (H, W) uint16.
        random: Source of format and quality.
    """
    file = io.BytesIO()
    image = Image.fromarray(pixels)
    is_photo = kind in _PHOTO_KINDS and min(image.size) >= _MIN_JPEG_SIDE
    if pixels.dtype == np.uint16 and random.random() < 0.3:
        image.save(file, "TIFF")
    elif is_photo and random.random() < 0.5:
        image.save(file, "JPEG", quality=int(random.integers(60, 96)))
    else:
        image.save(file, "PNG", compress_level=1)
    return file.getvalue()
