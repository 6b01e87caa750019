"""Widening strokes far thinner than MNIST's, and narrowing those far thicker."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from .recipe import BOX_SIZE
from .resize import Ink, resize_ink

# Strokes are measured and adjusted at four times the size of the box, for finer steps.
WORK_SCALE: Final = 4
WORK_SIDE: Final = WORK_SCALE * BOX_SIZE
# Strokes of these widths, in pixels of the frame, stay as they are. Half of MNIST's strokes are
# 2.0 to 2.8 pixels wide, and nine in ten 1.6 to 3.9.
MIN_STROKE_PIXELS: Final = 2.0
MAX_STROKE_PIXELS: Final = 4.2


def adjust_strokes(ink: Ink) -> Ink:
    """Return the ink at WORK_SIDE, with strokes no thinner and no thicker than MNIST's.

    Args:
        ink: (h, w) float32 in 0..1, cropped to the digit.

    Returns:
        (h, w) float32 in 0..1, cropped to the digit; the longer side differs from WORK_SIDE
        where strokes were adjusted.
    """
    work = resize_ink(ink, WORK_SIDE)
    width = _stroke_width(work)
    missing = round(MIN_STROKE_PIXELS * WORK_SCALE - width)
    excess = round(width - MAX_STROKE_PIXELS * WORK_SCALE)
    if missing > 0:
        work = cv2.dilate(_add_margin(work), _disc(missing))
    elif excess > 0:
        thinner = cv2.erode(_add_margin(work), _disc(excess))
        if thinner.max() > 0.5:  # else the ink is a blot that would vanish
            work = thinner
    is_inked = work > 0.25
    if not is_inked.any():  # faint remains, as of ruled lines
        is_inked = work > work.max() / 2
    left, top, width, height = cv2.boundingRect(is_inked.view(np.uint8))
    return work[top : top + height, left : left + width]


def _stroke_width(ink: Ink) -> float:
    """Return the mean width of the strokes in pixels: their area over half their outline."""
    inked = (ink > 0.5).view(np.uint8)
    outlines, _ = cv2.findContours(inked, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    length = sum(cv2.arcLength(outline, closed=True) for outline in outlines)
    return 2 * cv2.countNonZero(inked) / length if length else 0.0


def _add_margin(ink: Ink) -> Ink:
    """Return the ink with empty pixels around it, for strokes to grow into."""
    margin = WORK_SIDE // 4
    return cv2.copyMakeBorder(ink, margin, margin, margin, margin, cv2.BORDER_CONSTANT)


def _disc(width_change: int) -> NDArray[np.uint8]:
    size = (width_change + 1, width_change + 1)
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, size), np.uint8)
