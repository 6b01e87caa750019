"""Batches of examples with their targets; those of an epoch depend on the seed and its number."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import keras
import numpy as np
from numpy.typing import NDArray

from digits_server.preprocessing.normalize import FRAME_SIZE

from .augment import Augmenter
from .examples import Examples, Frames, concatenate, inputs
from .networks import CLASS_COUNT

_EVALUATE_BATCH_SIZE: Final = 500

Batch = tuple[NDArray[np.float32], NDArray[np.float32]]

MakeBatches = Callable[[int], keras.utils.PyDataset]
"""Returns the batches of an epoch, counted from 0."""


@dataclass(frozen=True)
class Component:
    """One component of a mixture: examples of one origin, and how often they are sampled."""

    examples: Examples

    share: float
    """Share of the sampled examples; the shares of a mixture sum to 1."""


class ShuffledBatches(keras.utils.PyDataset):  # type: ignore[misc]  # keras has no types
    """One epoch of shuffled examples; each epoch continues where the one before stopped.

    An epoch has ``epoch_count`` examples, or all of them if there are fewer. They are shuffled
    again when fewer than an epoch remain.
    """

    def __init__(
        self,
        frames: Frames,
        targets: NDArray[np.float32],
        epoch_count: int,
        batch_size: int,
        seed: int,
        epoch: int,
    ) -> None:
        super().__init__(workers=1)
        self._frames = frames
        self._targets = targets
        self._batch_size = batch_size
        count = min(epoch_count, len(frames))
        shuffle, part = divmod(epoch, len(frames) // count)
        order = np.random.default_rng((seed, shuffle)).permutation(len(frames))
        self._indices = order[part * count : (part + 1) * count].copy()  # not all of them

    def __len__(self) -> int:
        return math.ceil(len(self._indices) / self._batch_size)

    def __getitem__(self, index: int) -> Batch:
        indices = self._indices[index * self._batch_size : (index + 1) * self._batch_size]
        return inputs(self._frames[indices]), self._targets[indices]


class AllBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """All examples in their order, to measure a network on."""

    def __init__(self, those: Examples, class_count: int = CLASS_COUNT) -> None:
        super().__init__()
        self._examples = those
        self._class_count = class_count

    def __len__(self) -> int:
        return math.ceil(len(self._examples.labels) / _EVALUATE_BATCH_SIZE)

    def __getitem__(self, index: int) -> Batch:
        rows = slice(index * _EVALUATE_BATCH_SIZE, (index + 1) * _EVALUATE_BATCH_SIZE)
        labels = self._examples.labels[rows]
        return inputs(self._examples.frames[rows]), one_hot(labels, self._class_count)


class Sampler:
    """An endless supply of augmented examples, in the shares of the components."""

    def __init__(self, components: Sequence[Component], seed: int) -> None:
        self._components = components
        self._augmenter = Augmenter(seed, FRAME_SIZE)

    def sample(
        self, count: int, random: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return (count, 28, 28) frames in 0..1 and (count,) labels."""
        shares = [component.share for component in self._components]
        counts = random.multinomial(count, shares)
        parts = [
            component.examples.take(
                random.integers(0, len(component.examples.labels), component_count)
            )
            for component, component_count in zip(self._components, counts, strict=True)
        ]
        sampled = concatenate(parts)
        return self._augmenter(sampled.inputs()[..., 0], random), sampled.labels


class SampledBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """One epoch of a mixture's examples, newly sampled and augmented for every batch."""

    def __init__(
        self, sampler: Sampler, count: int, batch_size: int, seed: int, epoch: int
    ) -> None:
        super().__init__(workers=1)
        self._sampler = sampler
        self._batch_size = batch_size
        self._step_count = count // batch_size
        self._seed = (seed, epoch)

    def __len__(self) -> int:
        return self._step_count

    def __getitem__(self, index: int) -> Batch:
        random = np.random.default_rng((*self._seed, index))
        frames, labels = self._sampler.sample(self._batch_size, random)
        return frames[..., None], one_hot(labels)


def one_hot(labels: NDArray[np.uint8], class_count: int = CLASS_COUNT) -> NDArray[np.float32]:
    """Return (N,) labels as (N, class_count) one-hot vectors."""
    return np.eye(class_count, dtype=np.float32)[labels]
