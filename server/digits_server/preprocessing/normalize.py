"""Turning a gray image of any size into the frame that the network reads.

The recipe is that of MNIST itself (LeCun, Cortes and Burges, "The MNIST database
of handwritten digits"): the ink is fitted to a box of 20x20 pixels, keeping its
proportions, and laid into 28x28 so that its centre of mass is at the middle. Before
that, ``ink`` finds the ink, and a pen far thinner or thicker than MNIST's is made like it.

Serving, training and evaluation all make their frames here, and a model's
manifest names the recipe it was trained with: change what this module returns,
and FRAME_RECIPE changes with it.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from .ink import find_ink

FRAME_RECIPE: Final = "mnist-box20-mass28/2"
FRAME_SIZE: Final = 28
BOX_SIZE: Final = 20

# How far from the recipe an image may be and still count as a frame: MNIST's own
# images are within one pixel of its box and its middle.
TOLERANCE_PIXELS: Final = 1.0

# A digit is looked for in at most so many pixels a side; a photograph is made smaller.
SEARCH_SIDE: Final = 320

# Strokes are measured and mended at four times the box, where a step is fine enough.
WORK_SIDE: Final = 4 * BOX_SIZE
# The range of stroke widths that is left alone, in pixels of the frame. Half of
# MNIST's strokes are 2.0 to 2.8 wide, and nine in ten 1.6 to 3.9.
MIN_STROKE_PIXELS: Final = 2.0
MAX_STROKE_PIXELS: Final = 4.2

# A pixel's ink lies at its middle, half a pixel from its corner.
_MIDDLES: Final = np.arange(FRAME_SIZE) + 0.5

Share = MatLike
"""float32 in 0..1; OpenCV's types say no more than "numbers"."""


def normalize(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the frame of an image.

    Args:
        gray: (H, W) uint8, H and W at least 1; dark ink on a light ground or light
            ink on a dark one.

    Returns:
        (28, 28) float32 in 0..1, ink 1 on a ground of 0. All zeros for a blank image.
    """
    return _as_it_is(gray) if _is_frame(gray) else _made_frame(gray)


def normalize_batch(grays: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Return the frames of images as ``normalize`` does; of many, in less time.

    Args:
        grays: At least one, each (H, W) uint8 of a size of its own.

    Returns:
        (N, 28, 28) float32 in 0..1.
    """
    are_frames = [_is_frame(gray) for gray in grays]
    if all(are_frames):
        return _as_it_is(np.stack(grays))
    return np.stack(
        [
            _as_it_is(gray) if is_frame else _made_frame(gray)
            for gray, is_frame in zip(grays, are_frames, strict=True)
        ]
    )


def _as_it_is(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    return gray.astype(np.float32) / np.float32(255)


def _made_frame(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    ink = find_ink(_searchable(gray))
    if ink is None:
        return np.zeros((FRAME_SIZE, FRAME_SIZE), np.float32)
    return _center(_fit(_with_usual_stroke(ink)))


def _is_frame(gray: NDArray[np.uint8]) -> bool:
    """Tell whether an image meets the recipe as it is, so that MNIST stays itself."""
    if gray.shape != (FRAME_SIZE, FRAME_SIZE):
        return False
    _, _, width, height = cv2.boundingRect(gray)
    if abs(max(width, height) - BOX_SIZE) > TOLERANCE_PIXELS:
        return False
    moments = cv2.moments(gray)  # whole numbers, so that no sum is rounded
    total = moments["m00"]
    x, y = (moments["m10"] + total / 2) / total, (moments["m01"] + total / 2) / total
    middle = FRAME_SIZE / 2
    return abs(x - middle) <= TOLERANCE_PIXELS and abs(y - middle) <= TOLERANCE_PIXELS


def _searchable(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = gray.shape
    scale = SEARCH_SIDE / max(height, width)
    if scale >= 1:
        return gray
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


def _with_usual_stroke(ink: Share) -> Share:
    """Return the ink at WORK_SIDE, with strokes no thinner and no thicker than MNIST's."""
    work = _scaled(ink, WORK_SIDE)
    margin = WORK_SIDE // 4
    work = cv2.copyMakeBorder(work, margin, margin, margin, margin, cv2.BORDER_CONSTANT)
    width = _stroke_width(work)
    scale = WORK_SIDE / BOX_SIZE
    missing = round(MIN_STROKE_PIXELS * scale - width)
    excess = round(width - MAX_STROKE_PIXELS * scale)
    if missing > 0:
        work = cv2.dilate(work, _disc(missing))
    elif excess > 0:
        thinner = cv2.erode(work, _disc(excess))
        if thinner.max() > 0.5:  # else it is a blot, all of it
            work = thinner
    left, top, right, bottom = _box(work > 0.25)
    return work[top:bottom, left:right]


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the true pixels, the last two exclusive."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return left, top, left + width, top + height


def _stroke_width(ink: Share) -> float:
    """Return the mean width of the strokes, in pixels: a stroke's area over half its outline."""
    inked = (ink > 0.5).view(np.uint8)
    outlines, _ = cv2.findContours(inked, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    length = sum(cv2.arcLength(outline, closed=True) for outline in outlines)
    return 2 * cv2.countNonZero(inked) / length if length else 0.0


def _disc(change: int) -> NDArray[np.uint8]:
    size = (change + 1, change + 1)
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, size), np.uint8)


def _fit(ink: Share) -> Share:
    """Scale to the largest size that fits the box, the darkest ink being 1."""
    fitted = _scaled(ink, BOX_SIZE)
    return np.asarray(np.minimum(fitted * np.float32(1.05 / fitted.max()), np.float32(1)))


def _scaled(ink: Share, side: int) -> Share:
    height, width = ink.shape
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    # A mean of ones may come out a rounding error above one.
    return np.minimum(cv2.resize(ink, size, interpolation=how), np.float32(1))


def _center(ink: Share) -> NDArray[np.float32]:
    """Lay the ink into a frame with its centre of mass at the middle."""
    height, width = ink.shape
    x, y = _center_of_mass(ink)
    left = min(max(round(FRAME_SIZE / 2 - x), 0), FRAME_SIZE - width)
    top = min(max(round(FRAME_SIZE / 2 - y), 0), FRAME_SIZE - height)
    frame = np.zeros((FRAME_SIZE, FRAME_SIZE), np.float32)
    frame[top : top + height, left : left + width] = ink
    return frame


def _center_of_mass(ink: Share) -> tuple[float, float]:
    """Return the x and y of the centre of mass in pixels from the top left corner."""
    # Not by cv2.moments, which takes an image two pixels wide for a list of points.
    columns, rows = ink.sum(axis=0, dtype=np.float64), ink.sum(axis=1, dtype=np.float64)
    total = columns.sum()
    x = columns @ _MIDDLES[: columns.size] / total
    y = rows @ _MIDDLES[: rows.size] / total
    return float(x), float(y)
