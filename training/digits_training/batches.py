"""Batches of examples with their targets, and distillation from a teacher."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import keras
import numpy as np
from numpy.typing import NDArray

from digits_server.preprocessing.normalize import FRAME_SIZE

from .augment import Augmenter
from .examples import Examples, Frames, concatenate, inputs
from .networks import CLASS_COUNT

Batch = tuple[NDArray[np.float32], NDArray[np.float32]]

# The teacher's predictions are softened by a temperature, so that the student also learns
# which digits the teacher finds second and third most likely, and mixed with the true label.
# G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network" (2015).
DISTILLATION_TEMPERATURE: Final = 2.0
LABEL_WEIGHT: Final = 0.1
TEACHER_BATCH_SIZE: Final = 512


@dataclass(frozen=True)
class Component:
    """One component of a mixture: examples of one origin, and how often they are sampled."""

    examples: Examples

    share: float
    """Share of the sampled examples; the shares of a mixture sum to 1."""


class ShuffledBatches(keras.utils.PyDataset):  # type: ignore[misc]  # keras has no types
    """Shuffled examples; each epoch continues where the last one stopped.

    An epoch has ``epoch_count`` examples, or all of them if there are fewer.
    """

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
        self._start = 0

    def __len__(self) -> int:
        return math.ceil(self._epoch_count / self._batch_size)

    def __getitem__(self, index: int) -> Batch:
        start = self._start + index * self._batch_size
        end = min(start + self._batch_size, self._start + self._epoch_count)
        indices = self._order[start:end]
        return inputs(self._frames[indices]), self._targets[indices]

    def on_epoch_end(self) -> None:
        """Move on to the next examples; reshuffle if fewer than an epoch remain."""
        self._start += self._epoch_count
        if self._start + self._epoch_count > len(self._order):
            self._start = 0
            self._random.shuffle(self._order)


class SampledBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Examples of a mixture, newly sampled and augmented for every batch."""

    def __init__(
        self, components: Sequence[Component], count: int, batch_size: int, seed: int
    ) -> None:
        super().__init__(workers=1)
        self._sampler = Sampler(components, seed)
        self._batch_size = batch_size
        self._step_count = count // batch_size

    def __len__(self) -> int:
        return self._step_count

    def __getitem__(self, index: int) -> Batch:
        frames, labels = self._sampler.sample(self._batch_size)
        return frames[..., None], one_hot(labels)


class Sampler:
    """An endless supply of augmented examples, in the shares of the components."""

    def __init__(self, components: Sequence[Component], seed: int) -> None:
        self._components = components
        self._random = np.random.default_rng(seed)
        self._augmenter = Augmenter(seed, FRAME_SIZE)

    def sample(self, count: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return (count, 28, 28) frames in 0..1 and (count,) labels."""
        shares = [component.share for component in self._components]
        counts = self._random.multinomial(count, shares)
        parts = [
            component.examples.take(
                self._random.integers(0, len(component.examples.labels), component_count)
            )
            for component, component_count in zip(self._components, counts, strict=True)
        ]
        sampled = concatenate(parts)
        return self._augmenter(sampled.inputs()[..., 0]), sampled.labels


def distill(
    teacher: keras.Model, components: Sequence[Component], count: int, seed: int
) -> tuple[Frames, NDArray[np.float32]]:
    """Return augmented frames with the teacher's softened predictions as targets.

    Returns:
        (count, 28, 28) uint8 frames and (count, 11) float32 targets.
    """
    sampler = Sampler(components, seed)
    frames = np.empty((count, FRAME_SIZE, FRAME_SIZE), np.uint8)
    targets = np.empty((count, CLASS_COUNT), np.float32)
    for start in range(0, count, TEACHER_BATCH_SIZE):
        sampled, labels = sampler.sample(min(TEACHER_BATCH_SIZE, count - start))
        part = slice(start, start + len(labels))
        # The teacher sees the same bytes as the student.
        frames[part] = np.rint(sampled * 255)
        probs = np.asarray(teacher(inputs(frames[part]), training=False))
        soft = probs ** np.float32(1 / DISTILLATION_TEMPERATURE)
        soft /= soft.sum(axis=1, keepdims=True)
        targets[part] = LABEL_WEIGHT * one_hot(labels) + (1 - LABEL_WEIGHT) * soft
    return frames, targets


def one_hot(labels: NDArray[np.uint8], class_count: int = CLASS_COUNT) -> NDArray[np.float32]:
    """Return (N,) labels as (N, class_count) one-hot vectors."""
    return np.eye(class_count, dtype=np.float32)[labels]
