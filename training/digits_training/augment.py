"""Augmentation of frames by random affine and elastic deformations.

After P. Simard, D. Steinkraus and J. Platt, "Best practices for convolutional neural networks
applied to visual document analysis" (ICDAR 2003). The affine ranges are those usual for MNIST;
shifts are small, because the server centers every frame.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

ELASTIC_SIGMA_PIXELS: Final = 4.0
FIELD_COUNT: Final = 2048


@dataclass(frozen=True)
class Ranges:
    """The largest amount of each kind of deformation."""

    rotation_degrees: float
    scale_share: float
    shear: float
    shift_pixels: float
    elastic_pixels: float


TRAINING: Final = Ranges(12.0, 0.10, 0.20, 0.75, 1.4)
# A copy of a frame that a teacher reads as well as the frame itself.
COPY: Final = Ranges(4.0, 0.03, 0.0, 0.75, 0.0)


class Augmenter:
    """Deforms frames, each at random.

    Example:
        augmenter = Augmenter(seed=1, size=28)
        batch = augmenter(frames, np.random.default_rng(2))  # (N, 28, 28) float32 in and out
    """

    def __init__(self, seed: int, size: int, ranges: Ranges = TRAINING) -> None:
        self._ranges = ranges
        middle = (size - 1) / 2
        y, x = np.mgrid[0:size, 0:size].astype(np.float32)
        self._grid = np.stack((x - middle, y - middle), axis=-1)  # (S, S, 2)
        self._middle = np.float32(middle)
        self._fields = _smooth_fields(seed, size)  # (FIELD_COUNT, S, S, 2)

    def __call__(
        self, frames: NDArray[np.float32], random: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return a deformed copy of (N, S, S) frames in 0..1."""
        count, shift = len(frames), self._ranges.shift_pixels
        maps = np.einsum("nij,yxj->nyxi", self._affine(count, random), self._grid)  # (N, S, S, 2)
        maps += _uniform(random, -shift, shift, (count, 1, 1, 2))
        amplitude = _uniform(random, 0, self._ranges.elastic_pixels, (count, 1, 1, 1))
        maps += amplitude * self._fields[random.integers(0, len(self._fields), count)]
        maps += self._middle
        deformed = np.empty_like(frames)
        for frame, where, out in zip(frames, maps, deformed, strict=True):
            # Two maps, because OpenCV's types require the second, and an empty one is not
            # ignored: OpenCV reads its memory.
            cv2.remap(frame, where[..., 0], where[..., 1], cv2.INTER_LINEAR, dst=out)
        return deformed

    def _affine(self, count: int, random: np.random.Generator) -> NDArray[np.float32]:
        """Return (N, 2, 2) matrices that rotate, scale and shear about the center."""
        ranges = self._ranges
        angle = np.deg2rad(
            _uniform(random, -ranges.rotation_degrees, ranges.rotation_degrees, count)
        )
        scale = 1 + _uniform(random, -ranges.scale_share, ranges.scale_share, (2, count))
        shear = _uniform(random, -ranges.shear, ranges.shear, count)
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.stack((np.stack((cos, -sin)), np.stack((sin, cos))))  # (2, 2, N)
        zero = np.zeros(count, np.float32)
        stretch = np.stack((np.stack((scale[0], shear)), np.stack((zero, scale[1]))))
        return np.asarray(np.einsum("ijn,jkn->nik", turn, stretch), np.float32)


def _uniform(
    random: np.random.Generator, low: float, high: float, shape: int | tuple[int, ...]
) -> NDArray[np.float32]:
    return random.uniform(low, high, shape).astype(np.float32)


def _smooth_fields(seed: int, size: int) -> NDArray[np.float32]:
    # Making a field costs far more than using one, so a pool is made once and reused.
    random = np.random.default_rng(seed)
    noise = random.standard_normal((FIELD_COUNT, size, size, 2), dtype=np.float32)
    smooth = np.stack([cv2.GaussianBlur(field, (0, 0), ELASTIC_SIGMA_PIXELS) for field in noise])
    return np.asarray(smooth / smooth.std(axis=(1, 2, 3), keepdims=True), np.float32)
