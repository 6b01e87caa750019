"""Normalizing a gray image of any size to the frame that the network reads.

The recipe is MNIST's own (LeCun, Cortes and Burges, "The MNIST database of handwritten digits"):
the ink is scaled to fit a box of 20x20 pixels, keeping its proportions, and placed in 28x28
pixels with its center of mass in the middle. Before that, ``ink`` finds the ink, and strokes far
thinner or thicker than MNIST's are adjusted.

Serving, training and evaluation all make their frames here. A model's manifest names the recipe
that the model was trained with, so any change to the frames requires a new FRAME_RECIPE.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from .ink import find_ink
from .resize import resize_to, shrink_to

FRAME_RECIPE: Final = "mnist-box20-mass28/2"
FRAME_SIZE: Final = 28
BOX_SIZE: Final = 20

# An image within this distance of the recipe already is a frame: MNIST's own images are within
# one pixel of its box and its middle.
TOLERANCE_PIXELS: Final = 1.0

# Larger images, such as photos, are scaled down to this side before the digit is searched.
SEARCH_SIDE: Final = 320

# Strokes are measured and adjusted at four times the size of the box, for finer steps.
WORK_SIDE: Final = 4 * BOX_SIZE
# Strokes of these widths, in pixels of the frame, stay as they are. Half of MNIST's strokes are
# 2.0 to 2.8 pixels wide, and nine in ten 1.6 to 3.9.
MIN_STROKE_PIXELS: Final = 2.0
MAX_STROKE_PIXELS: Final = 4.2

_PIXEL_CENTERS: Final = np.arange(FRAME_SIZE) + 0.5

Ink = MatLike
"""(h, w) float32 from 0 for no ink to 1; OpenCV's type does not name the element type."""


def normalize(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the frame of an image.

    Args:
        gray: (H, W) uint8, H and W at least 1, with dark ink on a light ground or light ink
            on a dark ground.

    Returns:
        (28, 28) float32 in 0..1, with ink at 1 on a ground of 0. All zeros for a blank image.
    """
    return _to_float(gray) if _is_frame(gray) else _make_frame(gray)


def normalize_batch(
    grays: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
) -> NDArray[np.float32]:
    """Return the frames of images, faster than one by one with ``normalize``.

    Args:
        grays: At least one (H, W) uint8 image; their sizes may differ.

    Returns:
        (N, 28, 28) float32 in 0..1.
    """
    are_frames = [_is_frame(gray) for gray in grays]
    if all(are_frames):
        return _to_float(np.asarray(grays))
    return np.stack(
        [
            _to_float(gray) if is_frame else _make_frame(gray)
            for gray, is_frame in zip(grays, are_frames, strict=True)
        ]
    )


def _to_float(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    return gray.astype(np.float32) / np.float32(255)


def _make_frame(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    ink = find_ink(np.asarray(shrink_to(gray, SEARCH_SIDE), np.uint8))
    if ink is None:
        return np.zeros((FRAME_SIZE, FRAME_SIZE), np.float32)
    return _center(_fit_to_box(_adjust_strokes(ink)))


def _is_frame(gray: NDArray[np.uint8]) -> bool:
    """Return whether an image already follows the recipe, as MNIST's images do."""
    if gray.shape != (FRAME_SIZE, FRAME_SIZE):
        return False
    _, _, width, height = cv2.boundingRect(gray)
    if abs(max(width, height) - BOX_SIZE) > TOLERANCE_PIXELS:
        return False
    moments = cv2.moments(gray)  # sums of whole numbers, which are not rounded
    total = moments["m00"]
    x, y = (moments["m10"] + total / 2) / total, (moments["m01"] + total / 2) / total
    middle = FRAME_SIZE / 2
    return abs(x - middle) <= TOLERANCE_PIXELS and abs(y - middle) <= TOLERANCE_PIXELS


def _adjust_strokes(ink: Ink) -> Ink:
    """Return the ink at WORK_SIDE, with strokes no thinner and no thicker than MNIST's."""
    work = _resize_ink(ink, WORK_SIDE)
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
        if thinner.max() > 0.5:  # else the ink is a blot that would vanish
            work = thinner
    is_inked = work > 0.25
    if not is_inked.any():  # faint remains, as of ruled lines
        is_inked = work > work.max() / 2
    left, top, right, bottom = _box(is_inked)
    return work[top:bottom, left:right]


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return the left, top, right and bottom of the true pixels, the last two exclusive."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return left, top, left + width, top + height


def _stroke_width(ink: Ink) -> float:
    """Return the mean width of the strokes in pixels: their area over half their outline."""
    inked = (ink > 0.5).view(np.uint8)
    outlines, _ = cv2.findContours(inked, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    length = sum(cv2.arcLength(outline, closed=True) for outline in outlines)
    return 2 * cv2.countNonZero(inked) / length if length else 0.0


def _disc(width_change: int) -> NDArray[np.uint8]:
    size = (width_change + 1, width_change + 1)
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, size), np.uint8)


def _fit_to_box(ink: Ink) -> Ink:
    """Scale the ink to the size of the box and its darkest pixel to 1."""
    fitted = _resize_ink(ink, BOX_SIZE)
    return np.asarray(np.minimum(fitted * np.float32(1.05 / fitted.max()), np.float32(1)))


def _resize_ink(ink: Ink, longer_side: int) -> Ink:
    # Rounding may put the mean of several ones above one.
    return np.minimum(resize_to(ink, longer_side), np.float32(1))


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
