"""Batches of strips: of about one width each, deformed at random in training."""

import math
from collections.abc import Sequence
from typing import Any, Final

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from digits_server.preprocessing.strips import STRIP_HEIGHT

from .strip_examples import MOST_DIGITS, StripExample

# Widths are rounded up, so that TensorFlow prepares few shapes.
_WIDTH_STEP: Final = 32
# Strips of so many batches are sorted by their widths before they are divided into batches.
_SORTED_BATCHES: Final = 50
NO_LABEL: Final = -1

# The largest amount of each kind of deformation, and how often a pen is another.
_ROTATION_DEGREES: Final = 4.0
_SHEAR: Final = 0.25
_SCALES: Final = (0.8, 1.2)
_HEIGHT_SCALES: Final = (0.72, 1.05)
_SHIFT_PIXELS: Final = 2.0
_ELASTIC_PIXELS: Final = 1.3
_ELASTIC_GRID: Final = 7
_PEN_SHARE: Final = 0.3
_CROSS: Final = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))

Batch = tuple[NDArray[np.float32], NDArray[np.int32]]


class StripBatches(keras.utils.PyDataset):  # type: ignore[misc]  # keras has no types
    """One epoch of strips, in an order and with deformations that depend on it."""

    def __init__(
        self,
        strips: Sequence[StripExample],
        count: int,
        batch_size: int,
        seed: int,
        epoch: int | None,
    ) -> None:
        """Choose the strips.

        Args:
            strips: The strips to choose from.
            count: Number of strips in an epoch.
            batch_size: Strips per batch.
            seed: Seed of everything random.
            epoch: Number of the epoch; None for all strips as they are.
        """
        super().__init__(workers=1)
        self._strips = strips
        self._is_deformed = epoch is not None
        self._seed = (seed, epoch or 0)
        random = np.random.default_rng(self._seed)
        widths = np.array([each.strip.shape[1] for each in strips])
        order = np.arange(len(strips))
        if self._is_deformed:
            order = random.integers(len(strips), size=count)
        size = batch_size * _SORTED_BATCHES
        batches: list[NDArray[np.intp]] = []
        for start in range(0, len(order), size):
            some = order[start : start + size]
            some = some[np.argsort(widths[some], kind="stable")]
            batches += np.split(some, range(batch_size, len(some), batch_size))
        self._batches = [batches[index] for index in random.permutation(len(batches)).tolist()]

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> Batch:
        random = np.random.default_rng((*self._seed, index))
        chosen = [self._strips[row] for row in self._batches[index].tolist()]
        inks = [each.strip.astype(np.float32) / np.float32(255) for each in chosen]
        if self._is_deformed:
            inks = [_deform(ink, random) for ink in inks]
        width = max(ink.shape[1] for ink in inks)
        width = math.ceil(width / _WIDTH_STEP) * _WIDTH_STEP
        inputs = np.zeros((len(chosen), STRIP_HEIGHT, width, 1), np.float32)
        labels = np.full((len(chosen), MOST_DIGITS), NO_LABEL, np.int32)
        for row, (ink, each) in enumerate(zip(inks, chosen, strict=True)):
            inputs[row, :, : ink.shape[1], 0] = ink
            labels[row, : len(each.labels)] = each.labels
        return inputs, labels


def _deform(ink: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Return a strip that is stretched, slanted, bent and drawn with another pen."""
    height, width = ink.shape
    x_scale, y_scale = random.uniform(*_SCALES), random.uniform(*_HEIGHT_SCALES)
    new_width = max(8, round(width * x_scale))
    angle = math.radians(random.uniform(-_ROTATION_DEGREES, _ROTATION_DEGREES))
    angle *= min(1, 3 * height / width)  # so that long strips stay inside
    shear = random.uniform(-_SHEAR, _SHEAR)
    y, x = np.mgrid[0:height, 0:new_width].astype(np.float32)
    y -= (height - 1) / 2 + random.uniform(-_SHIFT_PIXELS, _SHIFT_PIXELS)
    x -= (new_width - 1) / 2
    from_y = (y * math.cos(angle) - x * math.sin(angle)) / y_scale + (height - 1) / 2
    from_x = (x + shear * y) / x_scale + (width - 1) / 2
    grid = (2, 5, max(2, new_width // _ELASTIC_GRID))
    amount = random.uniform(0, _ELASTIC_PIXELS)
    noise = random.normal(0, amount / 2, grid).astype(np.float32)
    from_x += cv2.resize(noise[0], (new_width, height), interpolation=cv2.INTER_CUBIC)
    from_y += cv2.resize(noise[1], (new_width, height), interpolation=cv2.INTER_CUBIC)
    moved: Any = cv2.remap(
        ink, from_x.astype(np.float32), from_y.astype(np.float32), cv2.INTER_LINEAR
    )
    chance = random.random()
    if chance < _PEN_SHARE:  # a little wider, or a little thinner
        other = cv2.dilate(moved, _CROSS) if chance < _PEN_SHARE / 2 else cv2.erode(moved, _CROSS)
        share = np.float32(random.uniform(0, 0.8 if chance < _PEN_SHARE / 2 else 0.5))
        moved = moved + share * (other - moved)
    return np.asarray(moved, np.float32)
