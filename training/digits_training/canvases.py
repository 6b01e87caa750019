"""Images such as people make of digits, from pen strokes and from MNIST.

They are drawn by the code that draws on the canvas of the desktop client, in the ways
in which people draw: pens of a pixel and brushes, small and large, anywhere, slanted,
on dark and on light ground, on canvases of a few pixels and of hundreds.
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


def canvas_of_strokes(
    strokes: Sequence[Points],
    random: np.random.Generator,
    *,
    side: int | None = None,
    pen: float | None = None,
    as_written: bool = False,
) -> Gray:
    """Draw strokes onto a canvas in one of many ways.

    Args:
        strokes: Each (N, 2), in any unit.
        random: Decides what is not given.
        side: Of the square canvas, in pixels.
        pen: Width, in pixels.
        as_written: Whether the digit keeps its own slant and proportions.

    Returns:
        (side, side) uint8, dark on white.
    """
    side = side or int(random.choice(CANVAS_SIDES))
    size = side * random.uniform(0.35, 0.9)
    if pen is None:
        pen = max(1.0, size * random.uniform(0.02, 0.16))
    bend = np.eye(2) if as_written else _bend(random)
    bent = [stroke @ bend.T for stroke in strokes]
    every = np.concatenate(bent)
    low, extent = every.min(axis=0), np.ptp(every, axis=0)
    scale = (size - pen) / max(float(extent.max()), 1.0)
    room = np.maximum(side - extent * scale - pen - 1, 0)
    origin = pen / 2 + room * random.uniform(0, 1, 2)
    drawn = [
        Stroke(tuple(map(tuple, ((stroke - low) * scale + origin).tolist())), pen)
        for stroke in bent
    ]
    return np.asarray(draw(drawn, (side, side)))


def plain_canvas(strokes: Sequence[Points], random: np.random.Generator) -> Gray:
    """Draw strokes as they were written, with a pen of 8 to 24 pixels on a canvas of 300.

    It is what drawn digits are chosen by and measured on.
    """
    pen = random.uniform(8, 24)
    return canvas_of_strokes(strokes, random, side=PLAIN_CANVAS_SIDE, pen=pen, as_written=True)


def _bend(random: np.random.Generator) -> NDArray[np.float64]:
    """Return a matrix that turns, slants and stretches a little."""
    angle = np.deg2rad(random.uniform(-12, 12))
    slant = random.uniform(-0.25, 0.25)
    width = np.exp(random.uniform(-0.3, 0.3))
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(np.array([[cos, -sin], [sin, cos]]) @ np.array([[width, slant], [0, 1]]))


def canvas_of_image(ink: Gray, random: np.random.Generator) -> Gray:
    """Draw a small image of ink large, with another pen, somewhere on a canvas.

    Args:
        ink: (H, W), 255 on 0, as MNIST's and Omniglot's.
        random: Decides how.

    Returns:
        (H', W') uint8, dark on white.
    """
    side = int(random.choice(CANVAS_SIDES[3:]))
    size = side * random.uniform(0.4, 0.95)
    scale = size / max(ink.shape)
    bend = _bend(random) * scale
    middle = np.array(ink.shape[::-1]) / 2
    shift = side / 2 + random.uniform(-1, 1, 2) * (side - size) / 2 - bend @ middle
    large = cv2.warpAffine(ink, np.column_stack((bend, shift)), (side, side), flags=cv2.INTER_CUBIC)
    # Sharp edges, as a pen on a canvas leaves them, at a level that makes it thinner or thicker.
    level = random.uniform(70, 190)
    edge = random.uniform(4, 60)
    sharp = np.clip((large.astype(np.float32) - level) / edge + 0.5, 0, 1)
    return np.asarray(255 - sharp * 255, np.uint8)


def on_paper(canvas: Gray, random: np.random.Generator) -> Gray:
    """Put a canvas through what cameras, scanners and other programs do to it.

    Args:
        canvas: (H, W), dark on white.
        random: Decides what: uneven light, gray paper, pale ink, grain, blur, inversion.
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
