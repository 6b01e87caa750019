"""The recipe that frames follow, and whether an image already follows it."""

from typing import Any, Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

FRAME_RECIPE: Final = "mnist-box20-mass28/3"
FRAME_SIZE: Final = 28
BOX_SIZE: Final = 20

# An image within this distance of the recipe already is a frame: MNIST's own images are within
# one pixel of its box and its middle.
TOLERANCE_PIXELS: Final = 1.0

_INDICES: Final = np.arange(FRAME_SIZE)
_MIDDLE_INDEX: Final = (FRAME_SIZE - 1) / 2

_OneOrMany: TypeAlias = Any
"""A number for one image, or an array of such numbers for N images: (N,)."""


def is_frame(gray: NDArray[np.uint8]) -> bool:
    """Return whether an image of any size already is a frame, as MNIST's images are.

    ``are_frames`` would take four times as long for a single image.
    """
    if gray.shape != (FRAME_SIZE, FRAME_SIZE):
        return False
    _, _, width, height = cv2.boundingRect(gray)
    if not _fits_box(max(width, height)):
        return False
    moments = cv2.moments(gray)  # sums of whole numbers, which are not rounded
    total = moments["m00"]
    return bool(_is_centered(moments["m10"], total) and _is_centered(moments["m01"], total))


def are_frames(grays: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return whether each of at least one image already is a frame.

    Args:
        grays: (N, 28, 28) uint8.

    Returns:
        (N,) bool.
    """
    # OpenCV adds bytes in a quarter of the time that NumPy takes, but only along the rows or the
    # columns of one image. So the N images are stacked, and placed next to each other.
    stacked = grays.reshape(-1, FRAME_SIZE)
    side_by_side = grays.transpose(1, 0, 2).reshape(FRAME_SIZE, -1)
    rows = _sum(stacked, axis=1).reshape(-1, FRAME_SIZE)
    columns = _sum(side_by_side, axis=0).reshape(-1, FRAME_SIZE)
    total = rows.sum(axis=1)
    return np.asarray(
        _fits_box(np.maximum(_extent(rows), _extent(columns)))
        & _is_centered(columns @ _INDICES, total)
        & _is_centered(rows @ _INDICES, total)
    )


def has_gap(gray: NDArray[np.uint8]) -> bool:
    """Return whether there are columns without ink between others, for a single image faster.

    Args:
        gray: (28, 28) uint8.
    """
    _, _, width, _ = cv2.boundingRect(gray)
    return cv2.countNonZero(cv2.reduce(gray, 0, cv2.REDUCE_MAX)) < width


def have_gaps(grays: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return whether there are columns without ink between others: there may be several digits.

    Args:
        grays: (N, 28, 28) uint8.

    Returns:
        (N,) bool.
    """
    has_ink = grays.max(axis=1) > 0
    inked = has_ink.sum(axis=1)
    return np.asarray((inked > 0) & (inked < _extent(has_ink)))


def _fits_box(longer_side: _OneOrMany) -> _OneOrMany:
    """Return whether ink whose box has this longer side has the recipe's size."""
    return abs(longer_side - BOX_SIZE) <= TOLERANCE_PIXELS


def _is_centered(moment: _OneOrMany, total: _OneOrMany) -> _OneOrMany:
    """Return whether the center of mass is in the middle, in one direction.

    Args:
        moment: Sum of the pixels, each times its index in this direction.
        total: Sum of the pixels.
    """
    return abs(moment - _MIDDLE_INDEX * total) <= TOLERANCE_PIXELS * total


def _sum(pixels: NDArray[np.uint8], axis: int) -> NDArray[np.int32]:
    return np.asarray(cv2.reduce(pixels, axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S), np.int32)


def _extent(sums: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the number of rows or columns from the first to the last with ink.

    Args:
        sums: (N, 28), the sum of each row or column.

    Returns:
        (N,); 28 for an image without ink, which does not fit the box either.
    """
    has_ink = sums > 0
    return np.asarray(FRAME_SIZE - has_ink.argmax(axis=1) - has_ink[:, ::-1].argmax(axis=1))
