"""Telling strokes from the edges between dark and light areas, which may look like strokes."""

from typing import Final

import cv2
import numpy as np
from cv2.typing import MatLike

# The ground is looked at so many pixels outside the ink.
_DISTANCE: Final = 2
# Around a stroke, the ground differs from the ink nearly everywhere. It does not where it differs
# by less than a share of the difference that is exceeded along a fifth of the outline. Differences
# are shares of the ground's level, which is taken for so dark at most, so that a shadow hardly
# changes them.
_DARKEST_GROUND: Final = 32
_USUAL: Final = 0.8
_LEAST_USUAL: Final = 0.01
_LEAST_SHARE: Final = 0.3
# An edge differs from what is next to it along less than so much of its outline.
_LEAST_CLOSED: Final = 0.75

_SQUARE: Final = np.ones((3, 3), np.uint8)
_NEAR: Final = np.ones((2 * _DISTANCE + 3, 2 * _DISTANCE + 3), np.uint8)


def is_edge(gray: MatLike, mask: MatLike, left: int, top: int, *, is_light: bool) -> bool:
    """Return whether ink is an edge: along much of its outline, what lies next to it has its level.

    Beyond the edge of the image nothing differs from it.

    Args:
        gray: (H, W) uint8 the image.
        mask: (h, w) 1 at the ink, cropped to it.
        left: First column of the mask in the image.
        top: First row of the mask in the image.
        is_light: Whether the ink is lighter than its ground.
    """
    mask = _add_margins(mask, *[_DISTANCE] * 4)
    level = _cut_out(
        255 - gray if is_light else gray, left - _DISTANCE, top - _DISTANCE, *mask.shape
    )
    around = cv2.dilate(mask, _SQUARE, iterations=_DISTANCE - 1)
    outline = np.flatnonzero(cv2.dilate(around, _SQUARE) - around)
    darkest = cv2.erode(np.where(mask > 0, level, np.uint8(255)), _NEAR)
    ground = level.take(outline).astype(np.float32)
    differences = (ground - darkest.take(outline)) / np.maximum(ground, _DARKEST_GROUND)
    rank = int(_USUAL * len(differences))
    usual = np.partition(differences, rank)[rank]
    differing = np.count_nonzero(differences >= _LEAST_SHARE * max(_LEAST_USUAL, usual))
    return bool(differing < _LEAST_CLOSED * len(differences))


def _cut_out(gray: MatLike, left: int, top: int, height: int, width: int) -> MatLike:
    """Return a part of an image, with 0 wherever it exceeds the image."""
    part = gray[max(0, top) : top + height, max(0, left) : left + width]
    below, right = top + height - gray.shape[0], left + width - gray.shape[1]
    return _add_margins(part, max(0, -top), max(0, below), max(0, -left), max(0, right))


def _add_margins(image: MatLike, top: int, bottom: int, left: int, right: int) -> MatLike:
    return cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT)
