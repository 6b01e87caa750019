"""Telling the edge between a dark and a light area from a stroke: both look like a one."""

from typing import Final

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

# Only what is so narrow, as a share of its length, may be an edge.
_MAX_WIDTH: Final = 0.3
# The level is compared at so much of the width beyond each side, and two pixels at least, in the
# middle of the length: the ends are left out.
_DISTANCE_SHARE: Final = 0.5
_LEAST_DISTANCE: Final = 2
_MIDDLE: Final = (0.1, 0.9)
_LEAST_ROWS: Final = 3
# An edge differs so little from one side, as a share of how far it differs from the other.
_MAX_SHARE: Final = 0.3


def is_edge(gray: MatLike, mask: MatLike, left: int, top: int, *, is_light: bool) -> bool:
    """Return whether ink that is long and narrow is an edge: its level is that of one side.

    What lies along the edge of the image has nothing on one side, and is an edge too.

    Args:
        gray: (H, W) uint8 the image.
        mask: (h, w) 1 at the ink, cropped to it.
        left: First column of the mask in the image.
        top: First row of the mask in the image.
        is_light: Whether the ink is lighter than its ground.
    """
    height, width = mask.shape
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    _, size, _ = cv2.minAreaRect(np.concatenate(outlines))
    if min(size) + 1 > _MAX_WIDTH * (max(size) + 1):
        return False
    if width > height:
        gray, mask, left, top, width, height = gray.T, mask.T, top, left, height, width
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = width - 1 - mask[rows, ::-1].argmax(axis=1)
    is_middle = (rows >= _MIDDLE[0] * height) & (rows <= _MIDDLE[1] * height)
    rows, first, last = rows[is_middle], first[is_middle], last[is_middle]
    if len(rows) < _LEAST_ROWS:
        return False
    stroke = float(np.median(last - first + 1))
    distance = max(_LEAST_DISTANCE, round(_DISTANCE_SHARE * stroke) + 1)
    level = 255 - gray if is_light else gray
    ink = np.where(mask[rows] > 0, level[top + rows, left : left + width], 255).min(axis=1)
    differences = []
    end = gray.shape[1] - 1
    for nearest, beyond in ((left + first - 1, -distance + 1), (left + last + 1, distance - 1)):
        is_inside = (nearest >= 0) & (nearest <= end)
        if 2 * is_inside.sum() < len(rows):
            return True
        columns = np.clip(nearest + beyond, 0, end)[is_inside]
        ground = level[top + rows[is_inside], columns].astype(np.int16)
        differences.append(_median(ground - ink[is_inside]))
    return min(differences) < _MAX_SHARE * max(differences)


def _median(values: NDArray[np.int16]) -> int:
    return int(np.partition(values, values.size // 2)[values.size // 2])
