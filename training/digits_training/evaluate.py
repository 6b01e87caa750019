"""Measuring a network on MNIST's test set."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import keras
import numpy as np
from numpy.typing import NDArray

from digits_server.frames import FRAME_SIZE

from .datasets import Mnist
from .errors import TrainingError
from .fit import KERAS_FILE, Examples
from .keras_files import open_network
from .networks import DIGIT_COUNT
from .plots import save_confusion

CONFUSION_FILE = "confusion.png"
METRICS_FILE = "metrics.json"
EVALUATION_BATCH_SIZE = 500


@dataclass(frozen=True)
class Figures:
    """What a set of answers comes to."""

    loss: float
    """Mean cross-entropy, in nats."""

    confusion: NDArray[np.int64]
    """(10, 10) counts: the true digit down, the answered one across."""

    @classmethod
    def of(cls, probs: NDArray[np.float32], labels: NDArray[np.uint8]) -> Self:
        """Return the figures of (N, 10) probabilities against (N,) labels."""
        of_label = probs[np.arange(len(labels)), labels].astype(np.float64)
        confusion = np.zeros((DIGIT_COUNT, DIGIT_COUNT), np.int64)
        np.add.at(confusion, (labels, probs.argmax(axis=1)), 1)
        return cls(float(-np.log(np.maximum(of_label, 1e-12)).mean()), confusion)

    @property
    def accuracy(self) -> float:
        """The share answered right."""
        return float(self.confusion.trace() / self.confusion.sum())

    def table(self) -> str:
        """Return the loss, the accuracy, and precision and recall of each digit, as text."""
        right = self.confusion.diagonal()
        true, answered = self.confusion.sum(axis=1), self.confusion.sum(axis=0)
        lines = [
            f"loss      {self.loss:.4f}",
            f"accuracy  {self.accuracy:.2%}  ({right.sum():,} of {true.sum():,})",
            "",
            "digit   images   right   recall   precision",
        ]
        recall, precision = right / np.maximum(1, true), right / np.maximum(1, answered)
        lines += [
            f"{digit:>5}   {true[digit]:>6}   {right[digit]:>5}"
            f"   {recall[digit]:>6.2%}   {precision[digit]:>9.2%}"
            for digit in range(DIGIT_COUNT)
        ]
        return "\n".join(lines)


def load_network(path: Path) -> keras.Model:
    """Load a Keras network that maps (N, 28, 28, 1) frames to (N, 10) probabilities.

    Args:
        path: The folder of a run, or a ``.keras`` or ``.h5`` file from anywhere.

    Raises:
        TrainingError: There is no such file, or the network is no such network.
    """
    file = path / KERAS_FILE if path.is_dir() else path
    if not file.is_file():
        raise TrainingError(f"{file} does not exist")
    try:
        model = open_network(file)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise TrainingError(f"{file} is not a Keras model: {error}") from error
    shapes = (model.input_shape, model.output_shape)
    if shapes != ((None, FRAME_SIZE, FRAME_SIZE, 1), (None, DIGIT_COUNT)):
        raise TrainingError(f"{file} maps {shapes[0]} to {shapes[1]}, not 28x28x1 frames to digits")
    return model


def predict(model: keras.Model, frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (N, 10) probabilities for (N, 28, 28) frames."""
    return np.asarray(
        model.predict(frames[..., None], batch_size=EVALUATION_BATCH_SIZE, verbose=0), np.float32
    )


def evaluate(model: keras.Model, mnist: Mnist, out: Path) -> str:
    """Measure on the test set; leave ``confusion.png`` and ``metrics.json`` in a folder.

    Returns:
        The figures as text.
    """
    test = Examples.from_images(mnist.x_test, mnist.y_test)
    figures = Figures.of(predict(model, test.frames), test.labels)
    out.mkdir(parents=True, exist_ok=True)
    title = f"MNIST test set: {figures.accuracy:.2%} right"
    save_confusion(figures.confusion, title, out / CONFUSION_FILE)
    metrics = {"mnist_test_accuracy": figures.accuracy, "mnist_test_loss": figures.loss}
    (out / METRICS_FILE).write_text(json.dumps(metrics, indent=2) + "\n")
    return figures.table() + f"\n\nThe confusion matrix is in {out / CONFUSION_FILE}."
