"""Export of a Keras network as a model folder that the server loads."""

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

from . import examples
from .calibration import Calibration, conditional_digit_probs
from .datasets import Mnist
from .errors import TrainingError
from .examples import Examples
from .keras_files import load_network, predict
from .metrics import Metrics
from .record import RunRecord

# Limits on the difference between a converted network and its source.
MAX_FLOAT_DIFFERENCE: Final = 1e-3
"""Maximum change of any probability of any test image, for float32."""
MAX_ACCURACY_LOSS: Final = 0.0002
"""Maximum loss of test accuracy, for int8: 2 images in 10,000."""

RANGE_IMAGE_COUNT: Final = 1000
"""Number of images from which the activation ranges of an int8 network are determined."""


def export(
    source: Path, mnist: Mnist, models_dir: Path, version: int | None, *, quantize: bool = False
) -> Path:
    """Convert a network, verify its predictions, and write its model folder.

    The folder is written under a temporary name, loaded with the server's own code, and then
    renamed, so it is either complete and servable or does not exist.

    Args:
        source: Folder of a run, or a Keras file trained elsewhere.
        mnist: Images for the comparison, the metrics, and the ranges of a quantized network.
        models_dir: Folder of the model folders, created if missing.
        version: Version of the model; None for one above the highest.
        quantize: Use int8 weights and activations instead of float32.

    Returns:
        The model folder, named by its version.

    Raises:
        TrainingError: The source is not a network for digits, the version exists, the
            converted network predicts differently, or the server cannot load it.
    """
    model = load_network(source)
    models_dir.mkdir(parents=True, exist_ok=True)
    version = version or max([0, *models.versions(models_dir)]) + 1
    folder = models_dir / str(version)
    if folder.exists():
        raise TrainingError(f"{folder} already exists; versions are immutable")
    range_images = examples.from_images(
        mnist.x_train[:RANGE_IMAGE_COUNT], mnist.y_train[:RANGE_IMAGE_COUNT]
    )
    test = examples.from_images(mnist.x_test, mnist.y_test)
    calibration = Calibration.load(source) if source.is_dir() else Calibration()
    with tempfile.TemporaryDirectory(dir=models_dir, prefix=".export-") as temporary:
        unfinished = Path(temporary) / folder.name
        unfinished.mkdir()
        file = unfinished / models.MODEL_FILE
        file.write_bytes(convert(model, range_images.inputs() if quantize else None))
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
            models.load_folder(unfinished)
        except ModelError as error:
            raise TrainingError(f"the server cannot load the exported model: {error}") from error
        os.rename(unfinished, folder)  # noqa: PTH104 - atomic, and fails if the folder has files
    return folder


def convert(model: keras.Model, range_inputs: NDArray[np.float32] | None) -> bytes:
    """Return a network as a LiteRT file with float32 input and output.

    Args:
        model: Network that maps (N, 28, 28, 1) to (N, 10) or (N, 11).
        range_inputs: (M, 28, 28, 1) frames that determine the activation ranges of an int8
            network; None for float32.
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if range_inputs is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]

        def representative() -> Iterator[list[NDArray[np.float32]]]:
            for frame in range_inputs:
                yield [frame[None]]

        converter.representative_dataset = representative
    # The converter lists every variable on standard output, which is ours.
    with contextlib.redirect_stdout(io.StringIO()):
        return bytes(converter.convert())


def _compare(
    model: keras.Model, file: Path, test: Examples, *, quantized: bool
) -> dict[str, float]:
    inputs = test.inputs()
    engine = LiteRtEngine(file.read_bytes(), threads=os.cpu_count() or 1)
    keras_probs, probs = predict(model, inputs), engine.predict(inputs[..., 0])
    keras_metrics = Metrics.compute(conditional_digit_probs(keras_probs), test.labels)
    metrics = Metrics.compute(conditional_digit_probs(probs), test.labels)
    difference = float(np.abs(keras_probs - probs).max())
    if quantized and keras_metrics.accuracy - metrics.accuracy > MAX_ACCURACY_LOSS:
        raise TrainingError(
            f"quantization lowers the accuracy on MNIST's test set from "
            f"{keras_metrics.accuracy:.2%} to {metrics.accuracy:.2%}"
        )
    if not quantized and difference > MAX_FLOAT_DIFFERENCE:
        raise TrainingError(
            f"conversion changes a probability by {difference:.2g}, "
            f"which exceeds the limit of {MAX_FLOAT_DIFFERENCE:.2g}"
        )
    return {
        "mnist_test_accuracy": metrics.accuracy,
        "mnist_test_loss": metrics.loss,
        "keras_mnist_test_accuracy": keras_metrics.accuracy,
        "largest_difference_from_keras": difference,
    }
