"""Normalizing a gray image of any size to the frame that the network reads.

The recipe is MNIST's own (LeCun, Cortes and Burges, "The MNIST database of handwritten digits"):
the ink is scaled to fit a box of 20x20 pixels, keeping its proportions, and placed in 28x28
pixels with its center of mass in the middle. Before that, ``ink`` finds the ink, and
``stroke_width`` adjusts strokes far thinner or thicker than MNIST's.

Serving, training and evaluation all make their frames here. A model's manifest names the recipe
that the model was trained with, so any change to the frames requires a new FRAME_RECIPE.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .readings import find_readings
from .recipe import FRAME_RECIPE, FRAME_SIZE, are_frames, is_frame

__all__ = ["FRAME_RECIPE", "FRAME_SIZE", "normalize", "normalize_batch"]

_FRAME_SHAPE: Final = (FRAME_SIZE, FRAME_SIZE)


def normalize(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the frame of an image.

    Args:
        gray: (H, W) uint8, H and W at least 1, with dark ink on a light ground or light ink
            on a dark ground.

    Returns:
        (28, 28) float32 in 0..1, with ink at 1 on a ground of 0. All zeros for a blank image.
    """
    return _to_float(gray) if is_frame(gray) else _make_frame(gray)


def normalize_batch(
    grays: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
) -> NDArray[np.float32]:
    """Return the frames of images, faster than one by one with ``normalize``.

    Args:
        grays: At least one image: an (N, H, W) uint8 array, or (H, W) uint8 images, whose sizes
            may differ.

    Returns:
        (N, 28, 28) float32 in 0..1.
    """
    if len(grays) == 1:
        return normalize(grays[0])[np.newaxis]
    if not isinstance(grays, np.ndarray) and all(gray.shape == _FRAME_SHAPE for gray in grays):
        grays = np.concatenate(grays).reshape(-1, *_FRAME_SHAPE)
    if isinstance(grays, np.ndarray) and grays.shape[1:] == _FRAME_SHAPE:
        return _normalize_frame_sized(grays)
    frames = np.empty((len(grays), *_FRAME_SHAPE), np.float32)
    frame_sized = [index for index, gray in enumerate(grays) if gray.shape == _FRAME_SHAPE]
    if frame_sized:
        frames[frame_sized] = normalize_batch([grays[index] for index in frame_sized])
    for index, gray in enumerate(grays):
        if gray.shape != _FRAME_SHAPE:
            frames[index] = _make_frame(gray)
    return frames


def _normalize_frame_sized(grays: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the frames of (N, 28, 28) images, of which most already may be frames."""
    frames = _to_float(grays)
    for index in np.flatnonzero(~are_frames(grays)):
        frames[index] = _make_frame(grays[index])
    return frames


def _to_float(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    return gray.astype(np.float32) / np.float32(255)


def _make_frame(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    readings = find_readings(gray)
    return readings[0].frame if readings else np.zeros(_FRAME_SHAPE, np.float32)
