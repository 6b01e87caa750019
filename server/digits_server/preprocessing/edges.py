"""Telling strokes from the edges between dark and light areas, which may look like strokes."""

from typing import Final

import cv2
import numpy as np
from cv2.typing import MatLike

from .ground import DARKEST_PAPER

# The ground is looked at so many pixels outside the ink.
_DISTANCE: Final = 2
# Contrast with the ground counts if it is at least this share of the piece's usual contrast, which
# is this quantile along its outline.
_LEAST_SHARE: Final = 0.3
_USUAL: Final = 0.8
# A stroke has contrast along at least this share of its outline.
_LEAST_OUTLINE: Final = 0.75

_SQUARE: Final = np.ones((3, 3), np.uint8)
_NEAR: Final = np.ones((2 * _DISTANCE + 3, 2 * _DISTANCE + 3), np.uint8)


def is_edge(gray: MatLike, mask: MatLike, left: int, top: int, *, is_light: bool) -> bool:
    """Return whether a piece of ink is an edge: much of its outline has no contrast.

    Contrast is a share of the ground's level, so that a shadow hardly changes it. There is none
    beyond the edge of the image.

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
    contrast = (ground - darkest.take(outline)) / np.maximum(ground, DARKEST_PAPER)
    rank = int(_USUAL * len(contrast))
    usual = max(0, np.partition(contrast, rank)[rank])
    count = np.count_nonzero(contrast > _LEAST_SHARE * usual)
    return bool(count < _LEAST_OUTLINE * len(contrast))


def _cut_out(gray: MatLike, left: int, top: int, height: int, width: int) -> MatLike:
    """Return a part of an image, with 0 wherever it exceeds the image."""
    part = gray[max(0, top) : top + height, max(0, left) : left + width]
    below, right = top + height - gray.shape[0], left + width - gray.shape[1]
    return _add_margins(part, max(0, -top), max(0, below), max(0, -left), max(0, right))


def _add_margins(image: MatLike, top: int, bottom: int, left: int, right: int) -> MatLike:
    return cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT)
