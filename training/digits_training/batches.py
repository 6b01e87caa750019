"""Examples on their way into a network: drawn in shares, augmented, with their targets."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import keras
import numpy as np
from numpy.typing import NDArray

from digits_server.preprocessing.normalize import FRAME_SIZE

from .augment import Augmenter
from .examples import Examples, Frames, inputs
from .networks import CLASS_COUNT

Batch = tuple[NDArray[np.float32], NDArray[np.float32]]

# A teacher's answers are made softer before they are learned, so that what it finds the
# second and third most likely is heard, and the true label keeps a share. G. Hinton,
# O. Vinyals, J. Dean, "Distilling the knowledge in a neural network" (2015).
SOFTENING: Final = 2.0
LABEL_SHARE: Final = 0.1
ANSWER_BATCH_SIZE: Final = 512


@dataclass(frozen=True)
class Kind:
    """One kind of examples, and how often it is drawn."""

    examples: Examples
    share: float
    """Of all the examples that are drawn; the shares of all kinds sum to 1."""


class PlainBatches(keras.utils.PyDataset):  # type: ignore[misc]  # keras has no types
    """Examples as they are, shuffled; an epoch takes the next so many of them."""

    def __init__(
        self,
        frames: Frames,
        targets: NDArray[np.float32],
        epoch_count: int,
        batch_size: int,
        seed: int,
    ) -> None:
        super().__init__(workers=1)
        self._frames = frames
        self._targets = targets
        self._epoch_count = min(epoch_count, len(frames))
        self._batch_size = batch_size
        self._random = np.random.default_rng(seed)
        self._order = self._random.permutation(len(frames))
        self._begin = 0

    def __len__(self) -> int:
        return math.ceil(self._epoch_count / self._batch_size)

    def __getitem__(self, index: int) -> Batch:
        begin = self._begin + index * self._batch_size
        end = min(begin + self._batch_size, self._begin + self._epoch_count)
        which = self._order[begin:end]
        return inputs(self._frames[which]), self._targets[which]

    def on_epoch_end(self) -> None:
        """Go on to the next examples; shuffle when too few are left for an epoch."""
        self._begin += self._epoch_count
        if self._begin + self._epoch_count > len(self._order):
            self._begin = 0
            self._random.shuffle(self._order)


class DrawnBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Examples of several kinds, drawn anew and augmented anew for every batch."""

    def __init__(self, kinds: Sequence[Kind], count: int, batch_size: int, seed: int) -> None:
        super().__init__(workers=1)
        self._examples = Drawn(kinds, seed)
        self._batch_size = batch_size
        self._step_count = count // batch_size

    def __len__(self) -> int:
        return self._step_count

    def __getitem__(self, index: int) -> Batch:
        frames, labels = self._examples.draw(self._batch_size)
        return frames[..., None], one_hot(labels)


class Drawn:
    """An endless supply of augmented examples, in the shares of their kinds."""

    def __init__(self, kinds: Sequence[Kind], seed: int) -> None:
        self._kinds = kinds
        self._random = np.random.default_rng(seed)
        self._augmenter = Augmenter(seed, FRAME_SIZE)

    def draw(self, count: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return (count, 28, 28) frames in 0..1 and (count,) labels."""
        counts = self._random.multinomial(count, [kind.share for kind in self._kinds])
        drawn = [
            kind.examples.take(self._random.integers(0, len(kind.examples.labels), number))
            for kind, number in zip(self._kinds, counts, strict=True)
        ]
        frames = np.concatenate([examples.frames for examples in drawn])
        labels = np.concatenate([examples.labels for examples in drawn])
        return self._augmenter(inputs(frames)[..., 0]), labels


def taught(
    teacher: keras.Model, kinds: Sequence[Kind], count: int, seed: int
) -> tuple[Frames, NDArray[np.float32]]:
    """Return augmented frames, and what to learn from them: the teacher's answers, softened.

    Returns:
        (count, 28, 28) uint8 and (count, 11) float32 targets.
    """
    supply = Drawn(kinds, seed)
    frames = np.empty((count, FRAME_SIZE, FRAME_SIZE), np.uint8)
    targets = np.empty((count, CLASS_COUNT), np.float32)
    for at in range(0, count, ANSWER_BATCH_SIZE):
        drawn, labels = supply.draw(min(ANSWER_BATCH_SIZE, count - at))
        place = slice(at, at + len(labels))
        frames[place] = np.rint(drawn * 255)
        # As the student will see them: bytes.
        answers = np.asarray(teacher(inputs(frames[place]), training=False))
        soft = answers ** np.float32(1 / SOFTENING)
        soft /= soft.sum(axis=1, keepdims=True)
        targets[place] = LABEL_SHARE * one_hot(labels) + (1 - LABEL_SHARE) * soft
    return frames, targets


def one_hot(labels: NDArray[np.uint8], class_count: int = CLASS_COUNT) -> NDArray[np.float32]:
    """Return (N,) labels as (N, class_count)."""
    return np.eye(class_count, dtype=np.float32)[labels]
