"""Export of a Keras network as a model folder that the server loads."""

import dataclasses
import hashlib
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import keras
import numpy as np

from digits_server import models
from digits_server.errors import ModelError
from digits_server.models.engine import LiteRtEngine
from digits_server.models.line_engine import LiteRtLineEngine
from digits_server.preprocessing.normalize import FRAME_RECIPE

from . import examples
from .calibration import Calibration, conditional_digit_probs
from .conversion import line_to_float32, to_float32, to_int8
from .datasets import Mnist
from .errors import TrainingError
from .eval_sets import available_sets
from .examples import Examples
from .keras_files import load_line_network, load_network, predict
from .metrics import Metrics
from .network_path import SHIPPED_LINE
from .precisions import evaluate_precisions, precision_metrics, precision_table
from .record import RunRecord

MAX_FLOAT_DIFFERENCE: Final = 1e-3
"""Maximum difference of any probability of any test image between the source and float32."""

RANGE_IMAGE_COUNT: Final = 2000
"""Number of images from which the activation ranges of an int8 network are determined."""


logger = logging.getLogger(__name__)


class Exported(NamedTuple):
    """The result of an export."""

    folder: Path
    """The model folder, named by its version."""

    report: list[str]
    """Paragraphs about the accuracy of each precision; none without int8."""


def export(
    source: Path,
    mnist: Mnist,
    models_dir: Path,
    version: int | None,
    data_dir: Path | None = None,
    *,
    line: Path = SHIPPED_LINE,
    int8: bool = True,
) -> Exported:
    """Convert a network, verify its predictions, and write its model folder.

    The folder is written under a temporary name, loaded with the server's own code, and then
    renamed, so it is either complete and servable or does not exist.

    Args:
        source: Folder of a run, or a Keras file trained elsewhere.
        mnist: Images for the comparison, the metrics, and the ranges of the int8 network.
        models_dir: Folder of the model folders, created if missing.
        version: Version of the model; None for one above the highest.
        data_dir: Folder of the other sets on which the precisions are compared; missing ones
            are skipped.
        line: Folder of the run of a line network.
        int8: Write a file for int8 as well.

    Raises:
        TrainingError: The source is not a network for digits, the version exists, a converted
            network predicts differently, or the server cannot load it.
    """
    model = load_network(source)
    models_dir.mkdir(parents=True, exist_ok=True)
    version = version or max([0, *models.versions(models_dir)]) + 1
    folder = models_dir / str(version)
    if folder.exists():
        raise TrainingError(f"{folder} already exists; versions are immutable")
    record = RunRecord.load(source) if source.is_dir() else None
    calibration = Calibration.load(source) if source.is_dir() else Calibration()
    calibration = calibration.with_numbers(Calibration.load(line))
    logger.info("Converting the networks")
    line_content = line_to_float32(load_line_network(line))
    contents = {"float32": to_float32(model)}
    if int8:
        contents["int8"] = to_int8(model, _range_examples(mnist, record).inputs())
    engines = {
        precision: LiteRtEngine(content, threads=os.cpu_count() or 1)
        for precision, content in contents.items()
    }
    logger.info("Comparing with the source on MNIST's test set")
    metrics = _compare_with_source(model, engines, mnist)
    report = []
    if int8:
        logger.info("Comparing the precisions on every available set")
        sets, notes = available_sets(mnist, data_dir)
        results = evaluate_precisions(
            sets, engines, LiteRtLineEngine(line_content).predict, calibration
        )
        metrics |= precision_metrics(results)
        report = [precision_table(results), *notes]
    with tempfile.TemporaryDirectory(dir=models_dir, prefix=".export-") as temporary:
        unfinished = Path(temporary) / folder.name
        unfinished.mkdir()
        files = {models.MODEL_FILES[precision]: content for precision, content in contents.items()}
        files[models.LINE_FILE] = line_content
        for name, content in files.items():
            (unfinished / name).write_bytes(content)
        models.Manifest(
            version=str(version),
            frame_recipe=FRAME_RECIPE,
            labels=models.LABELS,
            temperature=calibration.temperature,
            rejection_threshold=calibration.rejection_threshold,
            number_weights=calibration.number_weights,
            metrics=metrics,
            training=_origin(source) | {"line": _origin(line)},
            files={name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        ).write(unfinished)
        try:
            for precision in contents:
                models.load_folder(unfinished, 1, precision)
        except ModelError as error:
            raise TrainingError(f"the server cannot load the exported model: {error}") from error
        os.rename(unfinished, folder)  # noqa: PTH104 - atomic, and fails if the folder has files
    return Exported(folder, report)


def _origin(source: Path) -> dict[str, Any]:
    record = RunRecord.load(source) if source.is_dir() else None
    return dataclasses.asdict(record) if record else {"source": source.name}


def _range_examples(mnist: Mnist, record: RunRecord | None) -> Examples:
    """Return images that the network learned from, not those held out of its training."""
    settings = record.settings if record else {"validation_count": 0, "seed": 0}
    learned, _ = Examples(mnist.x_train, mnist.y_train).split(
        settings["validation_count"], settings["seed"]
    )
    return examples.from_images(
        learned.frames[:RANGE_IMAGE_COUNT], learned.labels[:RANGE_IMAGE_COUNT]
    )


def _compare_with_source(
    model: keras.Model, engines: Mapping[str, LiteRtEngine], mnist: Mnist
) -> dict[str, float]:
    """Return the metrics on MNIST's test set of the source and of its conversions."""
    test = examples.from_images(mnist.x_test, mnist.y_test)
    inputs = test.inputs()
    source_probs = predict(model, inputs)
    source = Metrics.compute(conditional_digit_probs(source_probs), test.labels)
    metrics = {"keras_mnist_test_accuracy": source.accuracy}
    for precision, engine in engines.items():
        probs = engine.predict(inputs[..., 0])
        difference = float(np.abs(source_probs - probs).max())
        if precision == "float32" and difference > MAX_FLOAT_DIFFERENCE:
            raise TrainingError(
                f"conversion changes a probability by {difference:.2g}, "
                f"which exceeds the limit of {MAX_FLOAT_DIFFERENCE:.2g}"
            )
        converted = Metrics.compute(conditional_digit_probs(probs), test.labels)
        prefix = "" if precision == "float32" else "int8_"
        metrics |= {
            models.ACCURACY_METRICS[precision]: converted.accuracy,
            f"{prefix}mnist_test_loss": converted.loss,
            f"{prefix}largest_difference_from_keras": difference,
        }
    return metrics
