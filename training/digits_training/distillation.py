"""Distillation: a pool of frames with the predictions of teachers as targets.

G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network" (2015).
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray

from digits_server.preprocessing.normalize import FRAME_SIZE

from .augment import COPY, Augmenter
from .batches import Sampler, one_hot
from .examples import Frames, inputs
from .keras_files import predict
from .networks import CLASS_COUNT
from .progress import Progress
from .run_folder import save_arrays

# The predictions are softened by a temperature, so that the student also learns which digits
# the teachers find second and third most likely, and mixed with the true label.
TEMPERATURE: Final = 2.0
LABEL_WEIGHT: Final = 0.1

CHUNK_SIZE: Final = 10_000
"""Frames that are labeled and saved at a time."""

Pool = tuple[Frames, NDArray[np.float32]]
"""(N, 28, 28) uint8 frames, and (N, 12) float32 targets."""


logger = logging.getLogger(__name__)


def make_pool(
    teachers: Sequence[keras.Model],
    sampler: Sampler,
    count: int,
    copies: int,
    seed: int,
    folder: Path,
    *,
    corrected: bool = False,
) -> Pool:
    """Sample augmented frames and let teachers predict them, and save both in chunks.

    A chunk that the folder has is read, so that a call that was stopped can be continued.

    Args:
        teachers: Networks with 12 classes; the mean of their probabilities is used.
        sampler: Source of the frames.
        count: Number of frames.
        copies: Number of versions of each frame that every teacher predicts: the frame itself,
            and slightly moved copies.
        seed: Seed of the frames and of the moves.
        folder: Existing folder of the chunks.
        corrected: The label and the teachers' first choice, if it is another, exchange their
            probabilities.
    """
    frames = np.empty((count, FRAME_SIZE, FRAME_SIZE), np.uint8)
    targets = np.empty((count, CLASS_COUNT), np.float32)
    mover = Augmenter(seed, FRAME_SIZE, COPY)
    progress = None
    logger.info("Labeling %s images with the teachers", f"{count:,}")
    for start in range(0, count, CHUNK_SIZE):
        file = folder / f"pool-{start}.npz"
        end = min(start + CHUNK_SIZE, count)
        if not file.is_file():
            progress = progress or Progress(logger, "Labeling", start=start / count)
            random = np.random.default_rng((seed, start))
            chunk = _make_chunk(teachers, sampler, end - start, mover, copies, random, corrected)
            save_arrays(file, chunk)
        with np.load(file) as saved:
            frames[start:end] = saved["frames"]
            targets[start:end] = saved["targets"]
        if progress:
            progress.update(end / count)
    return frames, targets


def _make_chunk(
    teachers: Sequence[keras.Model],
    sampler: Sampler,
    count: int,
    mover: Augmenter,
    copies: int,
    random: np.random.Generator,
    corrected: bool,
) -> dict[str, NDArray[Any]]:
    sampled, labels = sampler.sample(count, random)
    # The teachers see the same bytes as the student.
    frames = np.asarray(np.rint(sampled * 255), np.uint8)
    probs = _mean_probs(teachers, frames, mover, copies, random)
    soft = _correct(probs, labels) if corrected else _soften(probs)
    return {
        "frames": frames,
        "targets": LABEL_WEIGHT * one_hot(labels) + (1 - LABEL_WEIGHT) * soft,
    }


def _mean_probs(
    teachers: Sequence[keras.Model],
    frames: Frames,
    mover: Augmenter,
    copies: int,
    random: np.random.Generator,
) -> NDArray[np.float32]:
    plain = inputs(frames)
    total = np.zeros((len(frames), CLASS_COUNT), np.float32)
    for copy in range(copies):
        seen = mover(plain[..., 0], random)[..., None] if copy else plain
        for teacher in teachers:
            total += predict(teacher, seen)
    return total / np.float32(copies * len(teachers))


def _correct(probs: NDArray[np.float32], labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the probabilities after the label and the first choice exchanged theirs.

    Nothing is softened: what learned from soft targets predicts as softly.
    """
    rows = np.arange(len(probs))
    first = probs.argmax(axis=1)
    corrected = probs.copy()
    corrected[rows, first] = probs[rows, labels]
    corrected[rows, labels] = probs[rows, first]
    return corrected


def _soften(probs: NDArray[np.float32]) -> NDArray[np.float32]:
    soft = probs ** np.float32(1 / TEMPERATURE)
    return np.asarray(soft / soft.sum(axis=1, keepdims=True), np.float32)
