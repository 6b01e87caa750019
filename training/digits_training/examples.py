"""Frames with labels, for training, validation and test.

Every image, drawn or scanned, is normalized to a frame by the function that the server uses.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digits_server.preprocessing.normalize import FRAME_SIZE, normalize

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Examples:
    """Frames with their labels."""

    frames: Frames
    """(N, 28, 28), ink 255 on 0; bytes, because there are many."""

    labels: NDArray[np.uint8]
    """(N,), 0..9, NOT_A_DIGIT or NO_WRITING."""

    def take(self, indices: NDArray[np.intp]) -> "Examples":
        """Return the examples at the given indices."""
        return Examples(self.frames[indices], self.labels[indices])

    def with_labels(self, *labels: int) -> "Examples":
        """Return the examples that have one of the labels."""
        return self.take(np.flatnonzero(np.isin(self.labels, labels)))

    def split(self, count: int, seed: int) -> tuple["Examples", "Examples"]:
        """Split off ``count`` random examples; return the others first."""
        order = np.random.default_rng(seed).permutation(len(self.labels))
        return self.take(order[count:]), self.take(order[:count])

    def inputs(self) -> NDArray[np.float32]:
        """Return the frames as network inputs: (N, 28, 28, 1) in 0..1."""
        return inputs(self.frames)


def inputs(frames: Frames) -> NDArray[np.float32]:
    """Return (N, 28, 28) bytes as network inputs: (N, 28, 28, 1) in 0..1."""
    return frames[..., None].astype(np.float32) / np.float32(255)


def concatenate(parts: Sequence[Examples]) -> Examples:
    """Return all parts as one."""
    return Examples(
        np.concatenate([part.frames for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )


def from_images(images: Iterable[NDArray[np.uint8]], labels: NDArray[np.uint8]) -> Examples:
    """Normalize images, each (H, W)."""
    return Examples(stack([to_bytes(normalize(image)) for image in images]), labels)


def to_bytes(frame: NDArray[np.float32]) -> Frames:
    """Return a frame in 0..1, of any shape, as bytes."""
    return np.asarray(np.rint(frame * 255), np.uint8)


def stack(frames: Sequence[Frames]) -> Frames:
    """Return frames, each (28, 28), as one array, also if there are none."""
    return np.array(frames, np.uint8).reshape(-1, FRAME_SIZE, FRAME_SIZE)
