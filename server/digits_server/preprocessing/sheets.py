"""Finding the sheet that a digit is written on: paper on a desk, or a page between bars."""

from typing import Final, NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from .ground import TwoLevels
from .resize import shrink_to

# Sheets are searched on a copy of at most this side.
_SIDE: Final = 160
# A sheet has at least and at most so much of the image. Its level fills so much of its outline,
# which is convex; the rest is ink.
_MIN_SHARE: Final = 0.08
_MAX_SHARE: Final = 0.97
_MIN_FILL: Final = 0.6
# The outermost part of a sheet may be shadow or blurred, and is left out.
_RIM_SHARE: Final = 0.02
_MIN_SIDE: Final = 12


class Sheet(NamedTuple):
    """A part of an image as an image of its own."""

    gray: NDArray[np.uint8]
    """(h, w)"""
    left: int
    """Its first column in the image."""
    top: int
    """Its first row in the image."""


def find_sheets(gray: NDArray[np.uint8], two_levels: TwoLevels) -> list[Sheet]:
    """Return the largest light and the largest dark area as images of their own.

    What lies outside the area's outline gets the level of the area.

    Args:
        gray: (H, W) uint8.
        two_levels: The levels of the two kinds of area.

    Returns:
        None to two sheets.
    """
    small = shrink_to(gray, _SIDE)
    light = (cv2.medianBlur(small, 3) > two_levels.threshold).view(np.uint8)
    scale = max(gray.shape) / max(small.shape)
    outlines = (_outline_of_largest(mask, scale) for mask in (light, 1 - light))
    return [
        sheet
        for outline in outlines
        if outline is not None and (sheet := _cut_out(gray, outline)) is not None
    ]


def _outline_of_largest(mask: MatLike, scale: float) -> MatLike | None:
    """Return the convex outline of the largest component, scaled, if it may be a sheet."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    area = float(stats[largest, cv2.CC_STAT_AREA])
    is_sheet = (labels == largest).view(np.uint8)
    outlines, _ = cv2.findContours(is_sheet, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = cv2.convexHull(max(outlines, key=len))
    filled = np.zeros_like(is_sheet)
    cv2.fillConvexPoly(filled, hull, 1)
    hull_area = cv2.countNonZero(filled)
    if not _MIN_SHARE * mask.size <= hull_area <= _MAX_SHARE * mask.size:
        return None
    if area < _MIN_FILL * hull_area:
        return None
    return np.asarray((hull * scale + (scale - 1) / 2).round(), np.int32)


def _cut_out(gray: NDArray[np.uint8], outline: MatLike) -> Sheet | None:
    rim = max(1, round(_RIM_SHARE * max(gray.shape)))
    inside = np.zeros(gray.shape, np.uint8)
    cv2.fillConvexPoly(inside, outline, 255)
    cv2.polylines(inside, [outline], True, 0, 2 * rim + 1)
    left, top, width, height = cv2.boundingRect(inside)
    if min(width, height) < _MIN_SIDE:
        return None
    box = np.s_[top : top + height, left : left + width]
    sheet, mask = gray[box].copy(), inside[box]
    level = int(np.median(sheet[mask > 0]))
    sheet[mask == 0] = level
    return Sheet(sheet, left, top)
