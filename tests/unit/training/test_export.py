"""From a network to a model folder: complete and fit to serve, or not there."""

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
from digits_training import export as subject
from digits_training import networks
from digits_training.calibration import Calibration
from digits_training.datasets import Mnist
from digits_training.errors import TrainingError
from digits_training.export import export

pytestmark = [
    # Keras 3.15 turns its variables into arrays the way NumPy before 2.0 asked for.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
    # TensorFlow's converter expects more of a quantized input than its own front end gives.
    pytest.mark.filterwarnings("ignore:Statistics for quantized inputs:UserWarning"),
]
MAX_COMPACT_BYTES = 1_000_000

real_convert = subject.convert


@pytest.fixture
def source(linear: keras.Model, tmp_path: Path) -> Path:
    """A file with a network that knows plain digits."""
    linear.save(tmp_path / "linear.keras")
    return tmp_path / "linear.keras"


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """Where model folders go; not there yet."""
    return tmp_path / "models"


def perturbed(model: keras.Model, calibration: NDArray[np.float32] | None) -> bytes:
    """Convert as the real one does, but with weights that are a little off."""
    weights = model.get_weights()
    model.set_weights([weight * 0.7 for weight in weights])
    try:
        return real_convert(model, calibration)
    finally:
        model.set_weights(weights)


def confused(model: keras.Model, calibration: NDArray[np.float32] | None) -> bytes:
    """Convert as the real one does, but with the digits in another order."""
    weights = model.get_weights()
    model.set_weights([weight[..., ::-1] for weight in weights])
    try:
        return real_convert(model, calibration)
    finally:
        model.set_weights(weights)


def test_a_network_becomes_a_folder_that_the_server_loads(
    source: Path, drawings: Mnist, models_dir: Path
) -> None:
    folder = export(source, drawings, models_dir, None)
    assert folder == models_dir / "1"
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "model.tflite"]
    assert [path.name for path in models_dir.iterdir()] == ["1"]
    manifest = models.load_folder(
        models_dir / str(models.versions(models_dir)[0]), threads=1
    ).manifest
    assert manifest.frame_recipe == FRAME_RECIPE
    assert manifest.training == {"source": "linear.keras"}
    assert manifest.metrics["mnist_test_accuracy"] > 0.9
    content = (folder / "model.tflite").read_bytes()
    assert manifest.files == {"model.tflite": hashlib.sha256(content).hexdigest()}


def test_the_next_version_is_one_above_the_highest(
    source: Path, drawings: Mnist, models_dir: Path
) -> None:
    (models_dir / "9").mkdir(parents=True)
    assert export(source, drawings, models_dir, None).name == "10"
    assert export(source, drawings, models_dir, 4).name == "4"


def test_a_version_is_never_changed(source: Path, drawings: Mnist, models_dir: Path) -> None:
    (models_dir / "3").mkdir(parents=True)
    with pytest.raises(TrainingError, match=r"3 exists; a version is never changed$"):
        export(source, drawings, models_dir, 3)
    assert list((models_dir / "3").iterdir()) == []


def test_a_network_that_differs_once_converted_is_refused_and_leaves_nothing(
    source: Path, drawings: Mnist, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "convert", perturbed)
    with pytest.raises(TrainingError, match="converted it gives a probability that is off by"):
        export(source, drawings, models_dir, None)
    assert list(models_dir.iterdir()) == []


def test_a_network_that_loses_accuracy_by_int8_is_refused_and_leaves_nothing(
    source: Path, drawings: Mnist, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "convert", confused)
    with pytest.raises(TrainingError, match="quantized it is right on"):
        export(source, drawings, models_dir, None, quantize=True)
    assert list(models_dir.iterdir()) == []


def test_a_network_may_be_quantized(source: Path, drawings: Mnist, models_dir: Path) -> None:
    folder = export(source, drawings, models_dir, None, quantize=True)
    whole = export(source, drawings, models_dir, None)
    assert (folder / "model.tflite").stat().st_size < (whole / "model.tflite").stat().st_size / 2
    assert models.load_folder(folder, threads=1).manifest.version == "1"


def test_a_network_that_does_not_know_plain_digits_is_refused_and_leaves_nothing(
    linear: keras.Model, drawings: Mnist, models_dir: Path, tmp_path: Path
) -> None:
    untaught = keras.models.clone_model(linear)  # with fresh weights
    untaught.save(tmp_path / "untaught.keras")
    with pytest.raises(
        TrainingError, match=r"would not load it: .* recognizes only \d of the 10 self-test images$"
    ):
        export(tmp_path / "untaught.keras", drawings, models_dir, None)
    assert list(models_dir.iterdir()) == []


def test_the_record_of_a_run_goes_into_the_manifest(
    source: Path, drawings: Mnist, models_dir: Path, tmp_path: Path
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
    folder = export(run, drawings, models_dir, None)
    assert models.Manifest.read(folder).training == record


def test_the_compact_network_is_small_once_converted() -> None:
    model = networks.compact(0.001, step_count=10)
    assert len(subject.convert(model, None)) <= MAX_COMPACT_BYTES


def test_the_calibration_of_a_run_goes_into_the_manifest(
    source: Path, drawings: Mnist, models_dir: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    source.rename(run / "model.keras")
    Calibration(temperature=0.7, rejection_threshold=0.3).save(run)
    manifest = models.Manifest.read(export(run, drawings, models_dir, None))
    assert (manifest.temperature, manifest.rejection_threshold) == (0.7, 0.3)


def test_converting_says_nothing_on_standard_output(
    linear: keras.Model, capfd: pytest.CaptureFixture[str]
) -> None:
    subject.convert(linear, None)
    assert not re.search(r"\S", capfd.readouterr().out)
