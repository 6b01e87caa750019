"""Augmentation of frames by random affine and elastic deformations.

After P. Simard, D. Steinkraus and J. Platt, "Best practices for convolutional neural networks
applied to visual document analysis" (ICDAR 2003). The affine ranges are those usual for MNIST;
shifts are small, because the server centers every frame.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

ROTATION_DEGREES: Final = 12.0
SCALE_SHARE: Final = 0.10
SHEAR: Final = 0.20
SHIFT_PIXELS: Final = 0.75
ELASTIC_SIGMA_PIXELS: Final = 4.0
ELASTIC_PIXELS: Final = 1.4
FIELD_COUNT: Final = 2048


class Augmenter:
    """Deforms frames, each at random.

    Example:
        augmenter = Augmenter(seed=1, size=28)
        batch = augmenter(frames)  # (N, 28, 28) float32 in, the same out
    """

    def __init__(self, seed: int, size: int) -> None:
        self._random = np.random.default_rng(seed)
        middle = (size - 1) / 2
        y, x = np.mgrid[0:size, 0:size].astype(np.float32)
        self._grid = np.stack((x - middle, y - middle), axis=-1)  # (S, S, 2)
        self._middle = np.float32(middle)
        self._fields = self._smooth_fields(size)  # (FIELD_COUNT, S, S, 2)

    def _smooth_fields(self, size: int) -> NDArray[np.float32]:
        # Making a field costs far more than using one, so a pool is made once and reused.
        noise = self._random.standard_normal((FIELD_COUNT, size, size, 2), dtype=np.float32)
        smooth = np.stack(
            [cv2.GaussianBlur(field, (0, 0), ELASTIC_SIGMA_PIXELS) for field in noise]
        )
        return np.asarray(smooth / smooth.std(axis=(1, 2, 3), keepdims=True), np.float32)

    def __call__(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a deformed copy of (N, S, S) frames in 0..1."""
        count = len(frames)
        maps = np.einsum("nij,yxj->nyxi", self._affine(count), self._grid)  # (N, S, S, 2)
        maps += self._uniform(-SHIFT_PIXELS, SHIFT_PIXELS, (count, 1, 1, 2))
        amplitude = self._uniform(0, ELASTIC_PIXELS, (count, 1, 1, 1))
        maps += amplitude * self._fields[self._random.integers(0, FIELD_COUNT, count)]
        maps += self._middle
        deformed = np.empty_like(frames)
        for frame, where, out in zip(frames, maps, deformed, strict=True):
            # Two maps, because OpenCV's types require the second, and an empty one is not
            # ignored: OpenCV reads its memory.
            cv2.remap(frame, where[..., 0], where[..., 1], cv2.INTER_LINEAR, dst=out)
        return deformed

    def _affine(self, count: int) -> NDArray[np.float32]:
        """Return (N, 2, 2) matrices that rotate, scale and shear about the center."""
        angle = np.deg2rad(self._uniform(-ROTATION_DEGREES, ROTATION_DEGREES, count))
        scale = 1 + self._uniform(-SCALE_SHARE, SCALE_SHARE, (2, count))
        shear = self._uniform(-SHEAR, SHEAR, count)
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.stack((np.stack((cos, -sin)), np.stack((sin, cos))))  # (2, 2, N)
        zero = np.zeros(count, np.float32)
        stretch = np.stack((np.stack((scale[0], shear)), np.stack((zero, scale[1]))))
        return np.asarray(np.einsum("ijn,jkn->nik", turn, stretch), np.float32)

    def _uniform(
        self, low: float, high: float, shape: int | tuple[int, ...]
    ) -> NDArray[np.float32]:
        return self._random.uniform(low, high, shape).astype(np.float32)
