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

from .ink import find_ink
from .recipe import BOX_SIZE, FRAME_RECIPE, FRAME_SIZE, are_frames, is_frame
from .resize import Ink, resize_ink, shrink_to
from .stroke_width import adjust_strokes

__all__ = ["FRAME_RECIPE", "FRAME_SIZE", "normalize", "normalize_batch"]

# Larger images, such as photos, are scaled down to this side before the digit is searched.
SEARCH_SIDE: Final = 320

_FRAME_SHAPE: Final = (FRAME_SIZE, FRAME_SIZE)
_PIXEL_CENTERS: Final = np.arange(FRAME_SIZE) + 0.5


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
    ink = find_ink(np.asarray(shrink_to(gray, SEARCH_SIDE), np.uint8))
    if ink is None:
        return np.zeros(_FRAME_SHAPE, np.float32)
    return _center(_fit_to_box(adjust_strokes(ink)))


def _fit_to_box(ink: Ink) -> Ink:
    """Scale the ink to the size of the box and its darkest pixel to 1."""
    fitted = resize_ink(ink, BOX_SIZE)
    return np.asarray(np.minimum(fitted * np.float32(1.05 / fitted.max()), np.float32(1)))


def _center(ink: Ink) -> NDArray[np.float32]:
    """Place the ink in a frame with its center of mass in the middle."""
    height, width = ink.shape
    x, y = _center_of_mass(ink)
    left = min(max(round(FRAME_SIZE / 2 - x), 0), FRAME_SIZE - width)
    top = min(max(round(FRAME_SIZE / 2 - y), 0), FRAME_SIZE - height)
    frame = np.zeros(_FRAME_SHAPE, np.float32)
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
