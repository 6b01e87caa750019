"""Export of a network as a model folder, which is either complete and servable or missing."""

import hashlib
import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server import models
from digits_server.preprocessing.normalize import FRAME_RECIPE
from digits_training import export as module
from digits_training import networks
from digits_training.calibration import Calibration
from digits_training.datasets import Mnist
from digits_training.errors import TrainingError
from digits_training.export import export

pytestmark = [
    # Keras 3.15 turns its variables into arrays in the way of NumPy before 2.0.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
    # TensorFlow's converter warns about the quantized input that its own front end creates.
    pytest.mark.filterwarnings("ignore:Statistics for quantized inputs:UserWarning"),
]
MAX_COMPACT_BYTES = 1_000_000

real_convert = module.convert


@pytest.fixture
def source(linear_model: keras.Model, tmp_path: Path) -> Path:
    """A Keras file of a network that knows plain digits."""
    linear_model.save(tmp_path / "linear.keras")
    return tmp_path / "linear.keras"


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """The folder of the model folders, not created yet."""
    return tmp_path / "models"


def convert_with_other_weights(
    model: keras.Model, range_inputs: NDArray[np.float32] | None
) -> bytes:
    """Convert a network with slightly different weights."""
    weights = model.get_weights()
    model.set_weights([weight * 0.7 for weight in weights])
    try:
        return real_convert(model, range_inputs)
    finally:
        model.set_weights(weights)


def convert_with_other_digits(
    model: keras.Model, range_inputs: NDArray[np.float32] | None
) -> bytes:
    """Convert a network with its digits in reverse order."""
    weights = model.get_weights()
    model.set_weights([weight[..., ::-1] for weight in weights])
    try:
        return real_convert(model, range_inputs)
    finally:
        model.set_weights(weights)


def test_an_exported_model_loads_in_the_server(
    source: Path, sample_mnist: Mnist, models_dir: Path
) -> None:
    folder = export(source, sample_mnist, models_dir, None)
    assert folder == models_dir / "1"
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "model.tflite"]
    assert [path.name for path in models_dir.iterdir()] == ["1"]
    manifest = models.load_folder(
        models_dir / str(models.versions(models_dir)[0]),
    ).manifest
    assert manifest.frame_recipe == FRAME_RECIPE
    assert manifest.training == {"source": "linear.keras"}
    assert manifest.metrics["mnist_test_accuracy"] > 0.9
    content = (folder / "model.tflite").read_bytes()
    assert manifest.files == {"model.tflite": hashlib.sha256(content).hexdigest()}


def test_the_default_version_is_one_above_the_highest(
    source: Path, sample_mnist: Mnist, models_dir: Path
) -> None:
    (models_dir / "9").mkdir(parents=True)
    assert export(source, sample_mnist, models_dir, None).name == "10"
    assert export(source, sample_mnist, models_dir, 4).name == "4"


def test_an_existing_version_is_not_overwritten(
    source: Path, sample_mnist: Mnist, models_dir: Path
) -> None:
    (models_dir / "3").mkdir(parents=True)
    with pytest.raises(TrainingError, match=r"3 already exists; versions are immutable$"):
        export(source, sample_mnist, models_dir, 3)
    assert list((models_dir / "3").iterdir()) == []


def test_a_network_that_conversion_changes_is_an_error_and_leaves_no_files(
    source: Path, sample_mnist: Mnist, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "convert", convert_with_other_weights)
    with pytest.raises(TrainingError, match="conversion changes a probability by"):
        export(source, sample_mnist, models_dir, None)
    assert list(models_dir.iterdir()) == []


def test_a_network_that_loses_accuracy_in_int8_is_an_error_and_leaves_no_files(
    source: Path, sample_mnist: Mnist, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "convert", convert_with_other_digits)
    with pytest.raises(TrainingError, match="quantization lowers the accuracy on MNIST's test set"):
        export(source, sample_mnist, models_dir, None, quantize=True)
    assert list(models_dir.iterdir()) == []


def test_a_quantized_model_is_smaller_and_loads_in_the_server(
    source: Path, sample_mnist: Mnist, models_dir: Path
) -> None:
    folder = export(source, sample_mnist, models_dir, None, quantize=True)
    float32 = export(source, sample_mnist, models_dir, None)
    assert (folder / "model.tflite").stat().st_size < (float32 / "model.tflite").stat().st_size / 2
    assert models.load_folder(folder).manifest.version == "1"


def test_a_network_that_does_not_know_plain_digits_is_an_error_and_leaves_no_files(
    linear_model: keras.Model, sample_mnist: Mnist, models_dir: Path, tmp_path: Path
) -> None:
    untrained = keras.models.clone_model(linear_model)  # with new weights
    untrained.save(tmp_path / "untrained.keras")
    with pytest.raises(
        TrainingError,
        match=r"cannot load the exported model: .* recognizes only \d of the 10 self-test images$",
    ):
        export(tmp_path / "untrained.keras", sample_mnist, models_dir, None)
    assert list(models_dir.iterdir()) == []


def test_the_manifest_has_the_record_of_the_run(
    source: Path, sample_mnist: Mnist, models_dir: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    source.rename(run / "model.keras")
    record = {
        "command": "digits-train fit",
        "commit": "abc",
        "data": {"mnist/x_test": "md5:1"},
        "settings": {"seed": 1},
        "versions": {"python": "3.11"},
        "epochs": 2,
        "seconds": 1.5,
        "validation_accuracy": 0.5,
    }
    (run / "run.json").write_text(json.dumps(record))
    folder = export(run, sample_mnist, models_dir, None)
    assert models.Manifest.read(folder).training == record


def test_the_converted_compact_network_stays_within_its_limit() -> None:
    model = networks.compact(0.001, step_count=10)
    assert len(module.convert(model, None)) <= MAX_COMPACT_BYTES


def test_the_manifest_has_the_calibration_of_the_run(
    source: Path, sample_mnist: Mnist, models_dir: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    source.rename(run / "model.keras")
    Calibration(temperature=0.7, rejection_threshold=0.3).save(run)
    manifest = models.Manifest.read(export(run, sample_mnist, models_dir, None))
    assert (manifest.temperature, manifest.rejection_threshold) == (0.7, 0.3)


def test_conversion_prints_nothing_on_standard_output(
    linear_model: keras.Model, capfd: pytest.CaptureFixture[str]
) -> None:
    module.convert(linear_model, None)
    assert not re.search(r"\S", capfd.readouterr().out)
