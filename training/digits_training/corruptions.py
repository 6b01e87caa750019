"""Corruptions of images, each in five severities.

They are applied to whole images on canvases of 300 pixels, before normalization, so that an
evaluation covers the normalization and the network together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from .canvases import PLAIN_CANVAS_SIDE
from .eval_set import Gray

# A smaller image is enlarged to this share of the canvas: MNIST's 28 pixels become 280.
ENLARGED_SHARE: Final = 14 / 15


@dataclass(frozen=True)
class Corruption:
    """A corruption of images in five severities."""

    name: str
    """Name in tables and charts."""

    unit: str
    """Unit of the severities; a pixel is a pixel of a canvas of 300."""

    severities: tuple[float, float, float, float, float]
    """Severities in ascending order, or from one end to the other if they are signed."""

    apply: Callable[[Gray, float, np.random.Generator], Gray]
    """Returns a corrupted copy of an image, given a severity and a source of randomness.

    The image is (H, W) uint8, dark on light or light on dark, on an even ground; the copy has
    the same shape and polarity. The random numbers drawn do not depend on the severity, so
    that equal generators corrupt an image in the same way at any severity.
    """


def on_canvas(image: Gray) -> Gray:
    """Return an image in the center of a square canvas with the image's ground.

    Args:
        image: (H, W) uint8 of any size, dark on light or light on dark.

    Returns:
        (300, 300) uint8. The longer side of the image becomes 300 pixels if it has at least
        that many, else 280; the proportions are kept.
    """
    longest = max(image.shape)
    is_large = longest >= PLAIN_CANVAS_SIDE
    side = PLAIN_CANVAS_SIDE if is_large else round(PLAIN_CANVAS_SIDE * ENLARGED_SHARE)
    height, width = (max(1, round(length * side / longest)) for length in image.shape)
    method = cv2.INTER_AREA if longest > side else cv2.INTER_CUBIC
    resized = image if longest == side else cv2.resize(image, (width, height), interpolation=method)
    canvas = np.full((PLAIN_CANVAS_SIDE, PLAIN_CANVAS_SIDE), _ground(image), np.uint8)
    top, left = (PLAIN_CANVAS_SIDE - height) // 2, (PLAIN_CANVAS_SIDE - width) // 2
    canvas[top : top + height, left : left + width] = resized
    return canvas


def _ground(image: MatLike) -> int:
    """Return the median level of the border."""
    edge = np.concatenate((image[0], image[-1], image[:, 0], image[:, -1]))
    return int(np.median(edge))


def _ink_box(image: Gray) -> tuple[int, int, int, int]:
    """Return left, top, width and height of the pixels closer to full ink than to the ground."""
    contrast = cv2.absdiff(image, np.full_like(image, _ground(image)))
    left, top, width, height = cv2.boundingRect((contrast > contrast.max() / 2).view(np.uint8))
    return left, top, width, height


def _pixels(image: Gray, pixels: float) -> float:
    """Convert pixels of a canvas of 300 to pixels of an image."""
    return float(pixels * max(image.shape) / PLAIN_CANVAS_SIDE)


def _transform(image: Gray, matrix: NDArray[np.float64]) -> Gray:
    """Apply a (2, 3) affine map; the uncovered part of the canvas becomes ground."""
    size, ground = image.shape[::-1], _ground(image)
    return np.asarray(cv2.warpAffine(image, matrix, size, borderValue=ground), np.uint8)


def _shift(image: Gray, pixels: float, random: np.random.Generator) -> Gray:
    """Move the image in a random direction; parts outside the canvas are lost."""
    angle = random.uniform(0, 2 * np.pi)
    right, down = _pixels(image, pixels) * np.array([np.cos(angle), np.sin(angle)])
    return _transform(image, np.array([[1, 0, right], [0, 1, down]]))


def _rotate(image: Gray, degrees: float, random: np.random.Generator) -> Gray:
    """Rotate the image about the center of its ink, to a random side."""
    left, top, width, height = _ink_box(image)
    center = (left + width / 2 - 0.5, top + height / 2 - 0.5)
    angle = degrees * random.choice((-1, 1))
    return _transform(image, cv2.getRotationMatrix2D(center, angle, 1).astype(np.float64))


def _shrink(image: Gray, share: float, random: np.random.Generator) -> Gray:
    """Shrink the image towards its center."""
    small = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    (height, width), (inner_height, inner_width) = image.shape, small.shape
    shrunk = np.full_like(image, _ground(image))
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    shrunk[top : top + inner_height, left : left + inner_width] = small
    return shrunk


def _blur(image: Gray, sigma: float, random: np.random.Generator) -> Gray:
    # OpenCV blurs float32 four times as fast as uint8 if sigma is large.
    blurred = cv2.GaussianBlur(image.astype(np.float32), (0, 0), _pixels(image, sigma))
    return np.asarray(np.rint(blurred), np.uint8)


def _add_noise(image: Gray, sigma: float, random: np.random.Generator) -> Gray:
    noise = random.standard_normal(image.shape, dtype=np.float32) * np.float32(sigma)
    return np.asarray(np.clip(np.rint(image + noise), 0, 255), np.uint8)


def _fade(image: Gray, share: float, random: np.random.Generator) -> Gray:
    """Reduce every pixel's contrast with the ground to a share of it."""
    ground = _ground(image)
    return np.asarray(np.rint(ground + (image.astype(np.float32) - ground) * share), np.uint8)


def _thicken(image: Gray, pixels: float, random: np.random.Generator) -> Gray:
    """Widen the strokes, or narrow them if the change is negative."""
    size = 1 + round(abs(_pixels(image, pixels)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    is_light_ink = float(image.mean()) > _ground(image)
    change = cv2.dilate if is_light_ink == (pixels > 0) else cv2.erode
    return np.asarray(change(image, disc), np.uint8)


def _cover(image: Gray, share: float, random: np.random.Generator) -> Gray:
    """Cover a random part of the ink's box with ground, in the proportions of the box."""
    left, top, width, height = _ink_box(image)
    position = random.uniform(0, 1, 2)
    inner_width, inner_height = (round(length * share**0.5) for length in (width, height))
    left += round((width - inner_width) * position[0])
    top += round((height - inner_height) * position[1])
    covered = image.copy()
    covered[top : top + inner_height, left : left + inner_width] = _ground(image)
    return covered


CORRUPTIONS: Final = (
    Corruption("shift", "px", (10, 20, 40, 60, 80), _shift),
    Corruption("rotation", "degrees", (5, 10, 20, 30, 45), _rotate),
    Corruption("scale", "of the size", (0.8, 0.6, 0.4, 0.25, 0.15), _shrink),
    Corruption("blur", "px of sigma", (2, 4, 8, 12, 16), _blur),
    Corruption("noise", "levels of sigma", (8, 16, 32, 64, 96), _add_noise),
    Corruption("contrast", "of the contrast", (0.8, 0.6, 0.4, 0.2, 0.1), _fade),
    Corruption("thickness", "px wider", (-6, -3, 6, 12, 24), _thicken),
    Corruption("occlusion", "of the box", (0.02, 0.05, 0.1, 0.2, 0.3), _cover),
)
