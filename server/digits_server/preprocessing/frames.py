"""From the ink of a digit to the frame that the network reads.

The recipe is MNIST's own (LeCun, Cortes and Burges, "The MNIST database of handwritten digits"):
the ink is scaled to fit a box of 20x20 pixels, keeping its proportions, and placed in 28x28
pixels with its center of mass in the middle. Before that, ``stroke_width`` adjusts strokes far
thinner or thicker than MNIST's.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .recipe import BOX_SIZE, FRAME_SIZE
from .resize import Ink, resize_ink
from .stroke_width import adjust_strokes

_PIXEL_CENTERS: Final = np.arange(FRAME_SIZE) + 0.5


def to_frame(ink: Ink) -> NDArray[np.float32]:
    """Return the frame of a digit.

    Args:
        ink: (h, w) float32 from 0 for no ink to 1 for full ink, cropped to the digit.

    Returns:
        (28, 28) float32 in 0..1, with ink at 1 on a ground of 0.
    """
    return _center(_fit_to_box(adjust_strokes(ink)))


def _fit_to_box(ink: Ink) -> Ink:
    """Scale the ink to the size of the box and its darkest pixel to 1."""
    fitted = resize_ink(ink, BOX_SIZE)
    return np.asarray(np.minimum(fitted * np.float32(1.05 / fitted.max()), np.float32(1)))


def _center(ink: Ink) -> NDArray[np.float32]:
    """Place the ink in a frame with its center of mass in the middle."""
    height, width = ink.shape
    x, y = _center_of_mass(ink)
    left = min(max(round(FRAME_SIZE / 2 - x), 0), FRAME_SIZE - width)
    top = min(max(round(FRAME_SIZE / 2 - y), 0), FRAME_SIZE - height)
    frame = np.zeros((FRAME_SIZE, FRAME_SIZE), np.float32)
    frame[top : top + height, left : left + width] = ink
    return frame


def _center_of_mass(ink: Ink) -> tuple[float, float]:
    """Return the x and y of the center of mass, in pixels from the top left corner."""
    # cv2.moments would take an image two pixels wide for a list of points.
    columns, rows = ink.sum(axis=0, dtype=np.float64), ink.sum(axis=1, dtype=np.float64)
    total = columns.sum()
    x = columns @ _PIXEL_CENTERS[: columns.size] / total
    y = rows @ _PIXEL_CENTERS[: rows.size] / total
    return float(x), float(y)
