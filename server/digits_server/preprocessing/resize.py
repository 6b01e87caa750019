"""Resizing images while keeping their proportions."""

import cv2
import numpy as np
from cv2.typing import MatLike

Ink = MatLike
"""(h, w) float32 from 0 for no ink to 1; OpenCV's type does not name the element type."""


def resize_to(image: MatLike, longer_side: int) -> MatLike:
    """Return an image scaled so that its longer side has so many pixels, the other at least 1."""
    height, width = image.shape
    scale = longer_side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, size, interpolation=interpolation)


def shrink_to(image: MatLike, max_side: int) -> MatLike:
    """Return an image scaled down to fit ``max_side``, or the image itself if it already fits."""
    return image if max(image.shape) <= max_side else resize_to(image, max_side)


def resize_ink(ink: Ink, longer_side: int) -> Ink:
    """Return ink scaled as by ``resize_to``."""
    # Rounding may put the mean of several ones above one.
    return np.minimum(resize_to(ink, longer_side), np.float32(1))
