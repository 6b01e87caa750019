"""Synthetic drawings of digits as people make them, from pen strokes and from small images.

The drawing code is that of the desktop client. The drawings vary as people's do: thin pens
and thick brushes, small and large digits, any position, slanted, dark on light and light on
dark, on canvases from a few pixels to hundreds.
"""

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from digits_client.draw.strokes import Stroke, draw

Gray = NDArray[np.uint8]
Points = NDArray[np.floating[Any]]  # (N, 2), x and y

CANVAS_SIDES: Final = (28, 32, 48, 64, 80, 100, 140, 200)
PLAIN_CANVAS_SIDE: Final = 300
THICK_SHARE: Final = 0.2


def draw_strokes(
    strokes: Sequence[Points],
    random: np.random.Generator,
    *,
    side: int | None = None,
    pen: float | None = None,
    as_written: bool = False,
) -> Gray:
    """Draw strokes onto a canvas with random size, position, pen and slant.

    Args:
        strokes: Strokes, each (N, 2), in any unit.
        random: Source of everything that is not given.
        side: Side of the square canvas in pixels.
        pen: Width of the pen in pixels.
        as_written: Keep the slant and the proportions of the strokes.

    Returns:
        (side, side) uint8, dark on white.
    """
    side = side or int(random.choice(CANVAS_SIDES))
    size = side * random.uniform(0.35, 0.9)
    if pen is None:
        is_thick = random.random() < THICK_SHARE
        pen = max(
            1.0, size * (random.uniform(0.16, 0.3) if is_thick else random.uniform(0.02, 0.16))
        )
    matrix = np.eye(2) if as_written else random_affine(random)
    transformed = [stroke @ matrix.T for stroke in strokes]
    points = np.concatenate(transformed)
    low, extent = points.min(axis=0), np.ptp(points, axis=0)
    scale = (size - pen) / max(float(extent.max()), 1.0)
    margin = np.maximum(side - extent * scale - pen - 1, 0)
    origin = pen / 2 + margin * random.uniform(0, 1, 2)
    placed = [
        Stroke(tuple(map(tuple, ((stroke - low) * scale + origin).tolist())), pen)
        for stroke in transformed
    ]
    return np.asarray(draw(placed, (side, side)))


def draw_strokes_as_written(strokes: Sequence[Points], random: np.random.Generator) -> Gray:
    """Draw strokes as written, with a pen of 8 to 28 pixels on a canvas of 300 pixels.

    Validation and test use these drawings.
    """
    pen = random.uniform(8, 28)
    return draw_strokes(strokes, random, side=PLAIN_CANVAS_SIDE, pen=pen, as_written=True)


def random_affine(random: np.random.Generator) -> NDArray[np.float64]:
    """Return a (2, 2) matrix that rotates, slants and stretches a little."""
    angle = np.deg2rad(random.uniform(-12, 12))
    slant = random.uniform(-0.25, 0.25)
    width = np.exp(random.uniform(-0.3, 0.3))
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(np.array([[cos, -sin], [sin, cos]]) @ np.array([[width, slant], [0, 1]]))


def redraw_image(ink: Gray, random: np.random.Generator) -> Gray:
    """Enlarge a small image onto a canvas, with another pen and at a random position.

    Args:
        ink: (H, W), 255 on 0, as in MNIST and Omniglot.
        random: Source of size, position, slant and pen.

    Returns:
        (H', W') uint8, dark on white.
    """
    side = int(random.choice(CANVAS_SIDES[3:]))
    size = side * random.uniform(0.4, 0.95)
    scale = size / max(ink.shape)
    matrix = random_affine(random) * scale
    middle = np.array(ink.shape[::-1]) / 2
    shift = side / 2 + random.uniform(-1, 1, 2) * (side - size) / 2 - matrix @ middle
    affine = np.column_stack((matrix, shift))
    large = cv2.warpAffine(ink, affine, (side, side), flags=cv2.INTER_CUBIC)
    # A pen leaves sharp edges; the level makes the stroke thinner or thicker.
    level = random.uniform(70, 190)
    edge = random.uniform(4, 60)
    sharp = np.clip((large.astype(np.float32) - level) / edge + 0.5, 0, 1)
    return np.asarray(255 - sharp * 255, np.uint8)


def simulate_photo(canvas: Gray, random: np.random.Generator) -> Gray:
    """Return a canvas as a camera, a scanner or another program would reproduce it.

    Args:
        canvas: (H, W), dark on white.
        random: Source of uneven light, gray paper, pale ink, grain, blur and inversion.

    Returns:
        (H, W) uint8, dark on light or light on dark.
    """
    height, width = canvas.shape
    ink: MatLike = 1 - canvas.astype(np.float32) / 255
    if random.random() < 0.3:
        ink = cv2.GaussianBlur(ink, (0, 0), random.uniform(0.3, 0.012 * max(canvas.shape) + 0.5))
    paper = random.uniform(140, 255)
    contrast = random.uniform(0.35, 1.0)
    image = paper * (1 - contrast * ink)
    if random.random() < 0.5:
        slope = random.uniform(-0.25, 0.25, 2)
        image *= (
            1
            + slope[0] * np.linspace(-1, 1, width)
            + slope[1] * np.linspace(-1, 1, height)[:, None]
        )
    if random.random() < 0.5:
        grain: MatLike = random.standard_normal(canvas.shape, dtype=np.float32)
        if random.random() < 0.5:
            grain = cv2.GaussianBlur(grain, (0, 0), 1.0) * 2.5
        image += grain * random.uniform(1, 9)
    image = np.clip(image, 0, 255)
    return np.asarray(255 - image if random.random() < 0.4 else image, np.uint8)
