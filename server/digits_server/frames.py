"""Turning a gray image of any size into the frame that the network reads.

The recipe is that of MNIST itself (LeCun, Cortes and Burges, "The MNIST database
of handwritten digits"): the ink is fitted to a box of 20x20 pixels, keeping its
proportions, and laid into 28x28 so that its centre of mass is at the middle.

Serving, training and evaluation all make their frames here, and a model's
manifest names the recipe it was trained with: change what this module returns,
and FRAME_RECIPE changes with it.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

FRAME_RECIPE: Final = "mnist-box20-mass28/1"
FRAME_SIZE: Final = 28
BOX_SIZE: Final = 20

# Ink that differs less from the paper than this is noise: a blank image.
MIN_CONTRAST: Final = 24
# Where ink begins, as a share of the darkest ink. Low enough for the soft edge of
# a stroke, high enough for the ringing that JPEG leaves on the paper beside it.
INK_SHARE: Final = 0.25
# How far from the recipe an image may be and still count as a frame: MNIST's own
# images are within one pixel of its box and its middle.
TOLERANCE_PIXELS: Final = 1.0


def make_frame(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the frame of an image.

    Args:
        gray: (H, W) uint8, H and W at least 1; dark ink on a light ground or light
            ink on a dark one.

    Returns:
        (28, 28) float32 in 0..1, ink 1 on a ground of 0. All zeros for a blank image.
    """
    ink = _ink(gray)
    peak = int(ink.max())
    if peak < MIN_CONTRAST:
        return np.zeros((FRAME_SIZE, FRAME_SIZE), np.float32)
    if _is_framed(ink):
        return ink.astype(np.float32) / np.float32(255)
    top, bottom, left, right = _box(ink > peak * INK_SHARE)
    # Floats, before it is made small: in bytes, faint ink may be rounded down to none.
    share = ink[top:bottom, left:right].astype(np.float32) / np.float32(peak)
    return _center(_fit(share))


def _ink(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return how much each pixel differs from the ground, in the direction of the ink."""
    edge = np.concatenate((gray[0], gray[-1], gray[:, 0], gray[:, -1]))
    ground = int(np.median(edge))
    darker = cv2.subtract(np.full_like(gray, ground), gray)
    lighter = cv2.subtract(gray, np.full_like(gray, ground))
    # The ink is the side that differs more from the ground.
    return np.asarray(darker if darker.max() > lighter.max() else lighter, np.uint8)


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return top, bottom, left and right of the true pixels, ends exclusive."""
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _is_framed(ink: NDArray[np.uint8]) -> bool:
    """Tell whether an image meets the recipe as it is, so that MNIST stays itself."""
    if ink.shape != (FRAME_SIZE, FRAME_SIZE):
        return False
    top, bottom, left, right = _box(ink > 0)
    if abs(max(bottom - top, right - left) - BOX_SIZE) > TOLERANCE_PIXELS:
        return False
    x, y = _center_of_mass(ink)
    middle = FRAME_SIZE / 2
    return abs(x - middle) <= TOLERANCE_PIXELS and abs(y - middle) <= TOLERANCE_PIXELS


def _center_of_mass(ink: NDArray[np.uint8] | NDArray[np.float32]) -> tuple[float, float]:
    """Return the x and y of the centre of mass in pixels from the top left corner."""
    # Not by cv2.moments, which takes an image two pixels wide for a list of points.
    columns, rows = ink.sum(axis=0, dtype=np.float64), ink.sum(axis=1, dtype=np.float64)
    total = columns.sum()
    # A pixel's ink lies at its middle, half a pixel from its corner.
    x = columns @ (np.arange(columns.size) + 0.5) / total
    y = rows @ (np.arange(rows.size) + 0.5) / total
    return float(x), float(y)


def _fit(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale to the largest size that fits the box."""
    height, width = ink.shape
    scale = BOX_SIZE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    # A mean of ones may come out a rounding error above one.
    return np.minimum(cv2.resize(ink, size, interpolation=how), np.float32(1))


def _center(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lay the ink into a frame with its centre of mass at the middle."""
    height, width = ink.shape
    x, y = _center_of_mass(ink)
    left = min(max(round(FRAME_SIZE / 2 - x), 0), FRAME_SIZE - width)
    top = min(max(round(FRAME_SIZE / 2 - y), 0), FRAME_SIZE - height)
    frame = np.zeros((FRAME_SIZE, FRAME_SIZE), np.float32)
    frame[top : top + height, left : left + width] = ink
    return frame
