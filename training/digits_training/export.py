"""From a Keras network to the model folder that the server loads."""

import contextlib
import dataclasses
import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from digits_server import models
from digits_server.errors import ModelError
from digits_server.models.engine import LiteRtEngine
from digits_server.preprocessing.normalize import FRAME_RECIPE

from .calibration import Calibration, given_digit
from .datasets import Mnist
from .errors import TrainingError
from .examples import Examples, of_images
from .keras_files import load_network, predict
from .metrics import Figures
from .record import RunRecord

# How far a converted network may be from the one it was made from.
MAX_FLOAT_DIFFERENCE: Final = 1e-3
"""Of any probability of any test image, for float32."""
MAX_ACCURACY_LOSS: Final = 0.0002
"""Of the test accuracy, for int8: 2 images in 10,000."""

CALIBRATION_COUNT: Final = 1000


def export(
    source: Path, mnist: Mnist, models_dir: Path, version: int | None, *, quantize: bool = False
) -> Path:
    """Convert a network, check that it answers as before, and write its model folder.

    The folder is written under another name, loaded through the server's own code and
    then renamed: it is complete and fit to serve, or not there.

    Args:
        source: The folder of a run, or a Keras file trained elsewhere.
        mnist: For the comparison, the figures, and the ranges of a quantized network.
        models_dir: Where the folder goes, named by its version.
        version: Its version; None takes one above the highest.
        quantize: To int8, weights and activations, instead of float32.

    Returns:
        The folder.

    Raises:
        TrainingError: The source is no such network, the version exists, the converted
            network answers differently, or the server would not load it.
    """
    model = load_network(source)
    models_dir.mkdir(parents=True, exist_ok=True)
    version = version or max([0, *models.versions(models_dir)]) + 1
    folder = models_dir / str(version)
    if folder.exists():
        raise TrainingError(f"{folder} exists; a version is never changed")
    ranges = of_images(mnist.x_train[:CALIBRATION_COUNT], mnist.y_train[:CALIBRATION_COUNT])
    test = of_images(mnist.x_test, mnist.y_test)
    calibration = Calibration.load(source) if source.is_dir() else Calibration()
    with tempfile.TemporaryDirectory(dir=models_dir, prefix=".export-") as temporary:
        unfinished = Path(temporary) / folder.name
        unfinished.mkdir()
        file = unfinished / models.MODEL_FILE
        file.write_bytes(convert(model, ranges.inputs() if quantize else None))
        metrics = _compare(model, file, test, quantized=quantize)
        record = RunRecord.load(source) if source.is_dir() else None
        models.Manifest(
            version=str(version),
            frame_recipe=FRAME_RECIPE,
            labels=models.LABELS,
            temperature=calibration.temperature,
            rejection_threshold=calibration.rejection_threshold,
            metrics=metrics,
            training=dataclasses.asdict(record) if record else {"source": source.name},
            files={models.MODEL_FILE: hashlib.sha256(file.read_bytes()).hexdigest()},
        ).write(unfinished)
        try:
            models.load_folder(unfinished, threads=1)
        except ModelError as error:
            raise TrainingError(f"the server would not load it: {error}") from error
        os.rename(unfinished, folder)  # noqa: PTH104 - the commit; refuses a folder with files
    return folder


def convert(model: keras.Model, ranges: NDArray[np.float32] | None) -> bytes:
    """Return a network as a LiteRT file with float32 input and output.

    Args:
        model: Maps (N, 28, 28, 1) to (N, 10) or (N, 11).
        ranges: (M, 28, 28, 1) frames whose activations give the ranges of an int8
            network; None for a float32 one.
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if ranges is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]

        def representative() -> Iterator[list[NDArray[np.float32]]]:
            for frame in ranges:
                yield [frame[None]]

        converter.representative_dataset = representative
    # It lists every variable on standard output, which is for our own answer.
    with contextlib.redirect_stdout(io.StringIO()):
        return bytes(converter.convert())


def _compare(
    model: keras.Model, file: Path, test: Examples, *, quantized: bool
) -> dict[str, float]:
    frames = test.inputs()
    before = predict(model, frames)
    after = LiteRtEngine(file.read_bytes(), threads=os.cpu_count() or 1).predict(frames[..., 0])
    figures_before = Figures.of(given_digit(before), test.labels)
    figures = Figures.of(given_digit(after), test.labels)
    difference = float(np.abs(before - after).max())
    loss = figures_before.accuracy - figures.accuracy
    if quantized and loss > MAX_ACCURACY_LOSS:
        raise TrainingError(
            f"quantized it is right on {figures.accuracy:.2%} of MNIST's test set, "
            f"not {figures_before.accuracy:.2%}"
        )
    if not quantized and difference > MAX_FLOAT_DIFFERENCE:
        raise TrainingError(
            f"converted it gives a probability that is off by {difference:.2g}; "
            f"at most {MAX_FLOAT_DIFFERENCE:.2g} is accepted"
        )
    return {
        "mnist_test_accuracy": figures.accuracy,
        "mnist_test_loss": figures.loss,
        "keras_mnist_test_accuracy": figures_before.accuracy,
        "largest_difference_from_keras": difference,
    }
