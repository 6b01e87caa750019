"""Image files as people send them."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def encode_pixels(
    pixels: NDArray[np.uint8] | NDArray[np.uint16], random: np.random.Generator, *, photo: bool
) -> bytes:
    """Return an image file: PNG, TIFF for some deep images, JPEG for many large photos.

    Args:
        pixels: (H, W), (H, W, 3) or (H, W, 4) uint8, or (H, W) uint16.
        random: Source of format and quality.
        photo: Allow JPEG.
    """
    file = io.BytesIO()
    image = Image.fromarray(pixels)
    if pixels.dtype == np.uint16 and random.random() < 0.3:
        image.save(file, "TIFF")
    elif photo and min(pixels.shape[:2]) >= 100 and random.random() < 0.5:
        image.save(file, "JPEG", quality=int(random.integers(60, 96)))
    else:
        image.save(file, "PNG", compress_level=1)
    return file.getvalue()
