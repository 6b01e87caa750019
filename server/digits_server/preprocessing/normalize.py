"""The frame of the usual reading of an image.

Serving asks the network about all readings. Training and benchmarks, whose images are plain, need
only the usual one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .recipe import FRAME_RECIPE, FRAME_SIZE
from .search import find_all_readings

__all__ = ["FRAME_RECIPE", "FRAME_SIZE", "normalize", "normalize_batch"]


def normalize(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the frame of an image.

    Args:
        gray: (H, W) uint8, H and W at least 1, with dark ink on a light ground or light ink
            on a dark ground.

    Returns:
        (28, 28) float32 in 0..1, with ink at 1 on a ground of 0. All zeros for a blank image.
    """
    return np.asarray(normalize_batch([gray])[0])


def normalize_batch(
    grays: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
) -> NDArray[np.float32]:
    """Return the frames of images, faster than one by one with ``normalize``.

    Args:
        grays: An (N, H, W) uint8 array, or (H, W) uint8 images, whose sizes may differ.

    Returns:
        (N, 28, 28) float32 in 0..1.
    """
    readings = find_all_readings(grays)
    frames = np.zeros((len(grays), FRAME_SIZE, FRAME_SIZE), np.float32)
    owners, first = np.unique(readings.owners, return_index=True)
    frames[owners] = readings.frames[first]
    return frames
