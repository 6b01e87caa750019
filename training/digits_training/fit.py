"""One training run, from images to a folder with the best weights and its record."""

import dataclasses
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from digits_server.frames import FRAME_SIZE, make_frame

from . import networks, record
from .augment import Augmenter
from .datasets import Mnist
from .plots import save_curves
from .settings import FitSettings

KERAS_FILE = "model.keras"
TUTORIAL_FILE = "mnist.h5"
HISTORY_FILE = "history.csv"
CURVES_FILE = "curves.png"


@dataclass(frozen=True)
class Examples:
    """Frames with their labels."""

    frames: NDArray[np.float32]
    """(N, 28, 28), 0..1"""
    labels: NDArray[np.uint8]
    """(N,), 0..9"""

    @classmethod
    def from_images(cls, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> "Examples":
        """Frame (N, H, W) images the way the server will."""
        return cls(np.stack([make_frame(image) for image in images]), labels)

    def one_hot(self) -> NDArray[np.float32]:
        """Return the labels as (N, 10)."""
        return np.eye(networks.DIGIT_COUNT, dtype=np.float32)[self.labels]

    def take(self, which: NDArray[np.intp]) -> "Examples":
        """Return the examples at the given places."""
        return Examples(self.frames[which], self.labels[which])


class ExampleBatches(keras.utils.PyDataset):  # type: ignore[misc]  # keras has no types
    """Shuffled, augmented batches; the same seed gives the same batches."""

    def __init__(self, examples: Examples, settings: FitSettings) -> None:
        super().__init__(workers=1)
        self._frames = examples.frames
        self._targets = examples.one_hot()
        self._batch_size = settings.batch_size
        self._augmenter = Augmenter(settings.seed, FRAME_SIZE) if settings.augment else None
        self._random = np.random.default_rng(settings.seed)
        self._order = self._random.permutation(len(self._frames))

    def __len__(self) -> int:
        return math.ceil(len(self._frames) / self._batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        which = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        frames = self._frames[which]
        if self._augmenter is not None:
            frames = self._augmenter(frames)
        return frames[..., None], self._targets[which]

    def on_epoch_end(self) -> None:
        """Shuffle again."""
        self._random.shuffle(self._order)


def split(images: Examples, validation_count: int, seed: int) -> tuple[Examples, Examples]:
    """Return the images to train on and those to choose by, drawn at random."""
    order = np.random.default_rng(seed).permutation(len(images.labels))
    return images.take(order[validation_count:]), images.take(order[:validation_count])


def fit(settings: FitSettings, mnist: Mnist, run_dir: Path) -> None:
    """Train a network and leave the result and its record in a folder.

    The folder gets ``model.keras`` (for the tutorial's network also ``mnist.h5``), the
    history as CSV, the training curves as a picture, and ``run.json``, which says how it
    came about. ``model.keras`` is written at every epoch that is the best so far.

    The compact network's epoch is chosen, and its training stopped, by images kept out of
    the training set. The tutorial's validates on the test set, as it was written, and so
    nothing may be chosen by it: its last epoch stands.

    Args:
        settings: What to train, and how.
        mnist: The images.
        run_dir: The folder, made where it is missing.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(settings.seed)
    train = Examples.from_images(mnist.x_train, mnist.y_train)
    if settings.validation_count:
        train, held_out = split(train, settings.validation_count, settings.seed)
    else:
        held_out = Examples.from_images(mnist.x_test, mnist.y_test)
    batches = ExampleBatches(train, settings)
    model = networks.build(settings, len(batches))
    began = time.monotonic()
    history = model.fit(
        batches,
        epochs=settings.epochs,
        validation_data=(held_out.frames[..., None], held_out.one_hot()),
        callbacks=_callbacks(settings, run_dir),
        # A bar for a person; a line an epoch for a log.
        verbose=1 if sys.stdout.isatty() else 2,
    ).history
    model.save(run_dir / KERAS_FILE)
    if settings.network == "tutorial":
        model.save(run_dir / TUTORIAL_FILE)
    save_curves(history, run_dir / CURVES_FILE)
    accuracies = history["val_accuracy"]
    record.RunRecord(
        command=record.command_line(),
        commit=record.commit(),
        data=record.mnist_checksums(),
        settings=dataclasses.asdict(settings),
        versions=record.versions(),
        epochs=len(accuracies),
        seconds=round(time.monotonic() - began, 1),
        validation_accuracy=max(accuracies) if settings.validation_count else accuracies[-1],
    ).save(run_dir)


def _callbacks(settings: FitSettings, run_dir: Path) -> list[keras.callbacks.Callback]:
    log = keras.callbacks.CSVLogger(str(run_dir / HISTORY_FILE))
    if not settings.validation_count:
        return [log]
    best = keras.callbacks.ModelCheckpoint(
        str(run_dir / KERAS_FILE), monitor="val_accuracy", save_best_only=True
    )
    stop = keras.callbacks.EarlyStopping(
        monitor="val_accuracy", patience=settings.patience, restore_best_weights=True
    )
    return [log, best, stop]
