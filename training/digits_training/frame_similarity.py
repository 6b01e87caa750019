"""How much two frames show the same."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

MIN_SAME: Final = 0.94
"""Frames of at least this similarity show the same."""

MAX_DIFFERENT: Final = 0.85
"""Frames of less than this similarity show something else."""

# Standard deviation in pixels. Strokes that are a pixel apart still overlap.
_SOFTENING: Final = 1.2


def similarity(frame: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the correlation of two frames, (28, 28) in 0..1, after softening: 0 to 1."""
    return float((_soften(frame) * _soften(other)).sum())


def _soften(frame: NDArray[np.float32]) -> NDArray[np.float32]:
    soft = np.asarray(cv2.GaussianBlur(frame, (0, 0), _SOFTENING), np.float32)
    return soft / max(float(np.linalg.norm(soft)), 1e-6)
