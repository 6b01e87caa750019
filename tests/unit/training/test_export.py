"""Export of a network as a model folder, which is either complete and servable or missing."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server import models
from digits_server.preprocessing.normalize import FRAME_RECIPE
from digits_training import examples
from digits_training import export as module
from digits_training.calibration import Calibration
from digits_training.conversion import to_float32, to_int8
from digits_training.datasets import Mnist
from digits_training.errors import TrainingError
from digits_training.export import export
from digits_training.network_path import SHIPPED_LINE

pytestmark = [
    # Keras 3.15 turns its variables into arrays in the way of NumPy before 2.0.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]


@pytest.fixture
def source(linear_model: keras.Model, tmp_path: Path) -> Path:
    """A Keras file of a network that knows plain digits."""
    linear_model.save(tmp_path / "linear.keras")
    return tmp_path / "linear.keras"


@pytest.fixture
def run(convolutional_model: keras.Model, tmp_path: Path) -> Path:
    """The folder of a run of a network with convolutions that knows plain digits."""
    folder = tmp_path / "run"
    folder.mkdir()
    convolutional_model.save(folder / "model.keras")
    (folder / "run.json").write_text(json.dumps(RECORD))
    Calibration(0.7, 0.3, (0.5, 1.5, 0.1)).save(folder)
    return folder


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """The folder of the model folders, not created yet."""
    return tmp_path / "models"


RECORD = {
    "command": "digits-train fit",
    "commit": "abc",
    "data": {"mnist/x_test": "md5:1"},
    "settings": {"seed": 1, "validation_count": 100},
    "versions": {"python": "3.11"},
    "epochs": 2,
    "seconds": 1.5,
    "validation_accuracy": 0.5,
}


def with_other_weights(
    convert: Callable[..., bytes], change: Callable[[Any], Any]
) -> Callable[..., bytes]:
    """Return a conversion that changes the weights of the network."""

    def convert_changed(model: keras.Model, *arguments: NDArray[np.float32]) -> bytes:
        weights = model.get_weights()
        model.set_weights([change(weight) for weight in weights])
        try:
            return convert(model, *arguments)
        finally:
            model.set_weights(weights)

    return convert_changed


def checksums(folder: Path, *names: str) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def test_a_model_exported_for_float32_only_loads_in_the_server(
    source: Path, sample_mnist: Mnist, models_dir: Path
) -> None:
    folder, report = export(source, sample_mnist, models_dir, None, int8=False)
    assert (folder, report) == (models_dir / "1", [])
    assert sorted(path.name for path in folder.iterdir()) == [
        "line.tflite",
        "manifest.json",
        "model.tflite",
    ]
    assert [path.name for path in models_dir.iterdir()] == ["1"]
    manifest = models.load_folder(folder, 1).manifest
    assert manifest.frame_recipe == FRAME_RECIPE
    assert manifest.training["source"] == "linear.keras"
    assert manifest.training["line"]["settings"]["network"] == "line"
    assert manifest.metrics["mnist_test_accuracy"] > 0.9
    assert manifest.files == checksums(folder, "model.tflite", "line.tflite")


def test_the_default_version_is_one_above_the_highest(
    source: Path, sample_mnist: Mnist, models_dir: Path
) -> None:
    (models_dir / "9").mkdir(parents=True)
    assert export(source, sample_mnist, models_dir, None, int8=False).folder.name == "10"
    assert export(source, sample_mnist, models_dir, 4, int8=False).folder.name == "4"


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
    weaker = with_other_weights(to_float32, lambda weight: weight * 0.7)
    monkeypatch.setattr(module, "to_float32", weaker)
    with pytest.raises(TrainingError, match="conversion changes a probability by"):
        export(source, sample_mnist, models_dir, None, int8=False)
    assert list(models_dir.iterdir()) == []


def test_an_exported_run_has_a_file_for_each_precision_and_its_metrics(
    run: Path, sample_mnist: Mnist, models_dir: Path, data_dir: Path
) -> None:
    folder, report = export(run, sample_mnist, models_dir, None, data_dir)
    manifest = models.Manifest.read(folder)
    assert manifest.files == checksums(folder, "model.tflite", "model.int8.tflite", "line.tflite")
    for precision in models.MODEL_FILES:
        assert models.load_folder(folder, 1, precision).precision == precision
    metrics = manifest.metrics
    for metric in models.ACCURACY_METRICS.values():
        assert metrics[metric] > 0.9
    assert metrics["largest_difference_from_keras"] < 1e-3
    assert metrics["largest_difference_from_keras"] < metrics["int8_largest_difference_from_keras"]
    for name in ("mnist", "strokes", "letters", "blank"):
        assert 0 <= metrics[f"{name}_right"] <= 1
        assert abs(metrics[f"int8_{name}_right"] - metrics[f"{name}_right"]) < 0.3
    table, *notes = report
    assert f"MNIST test set                       50    {metrics['mnist_right']:.2%}" in table
    assert "Letters of unseen alphabets" in table
    # People's own images and UNIPEN's digits and signs are not there.
    assert all(note.startswith("skipped: ") for note in notes)
    assert len(notes) == 4


def test_the_ranges_are_from_images_that_the_network_learned_from(
    run: Path, sample_mnist: Mnist, models_dir: Path, data_dir: Path, monkeypatch: Any
) -> None:
    used: list[NDArray[np.float32]] = []

    def convert(model: keras.Model, inputs: NDArray[np.float32]) -> bytes:
        used.append(inputs)
        raise TrainingError("stop here")

    monkeypatch.setattr(module, "to_int8", convert)
    with pytest.raises(TrainingError, match="stop here"):
        export(run, sample_mnist, models_dir, None, data_dir)
    train = examples.from_images(sample_mnist.x_train, sample_mnist.y_train)
    learned, held_out = train.split(100, seed=1)
    np.testing.assert_array_equal(used[0], learned.inputs())
    assert len(held_out.labels) == 100


def test_a_network_that_loses_accuracy_in_int8_is_an_error_and_leaves_no_files(
    run: Path, sample_mnist: Mnist, models_dir: Path, data_dir: Path, monkeypatch: Any
) -> None:
    reverse = with_other_weights(to_int8, lambda weight: weight[..., ::-1])
    monkeypatch.setattr(module, "to_int8", reverse)
    with pytest.raises(
        TrainingError,
        match=r"int8 lowers the share of right verdicts on MNIST's test set from .* --no-int8",
    ):
        export(run, sample_mnist, models_dir, None, data_dir)
    assert list(models_dir.iterdir()) == []


def test_a_network_without_convolutions_cannot_be_exported_in_int8(
    source: Path, sample_mnist: Mnist, models_dir: Path
) -> None:
    with pytest.raises(TrainingError, match="has no convolution after its first one"):
        export(source, sample_mnist, models_dir, None)
    assert list(models_dir.iterdir()) == []


def test_a_network_that_does_not_know_plain_digits_is_an_error_and_leaves_no_files(
    linear_model: keras.Model, sample_mnist: Mnist, models_dir: Path, tmp_path: Path
) -> None:
    untrained = keras.models.clone_model(linear_model)  # with new weights
    untrained.save(tmp_path / "untrained.keras")
    with pytest.raises(
        TrainingError,
        match=r"cannot load the exported model: .* recognizes only \d of the 10 self-test images$",
    ):
        export(tmp_path / "untrained.keras", sample_mnist, models_dir, None, int8=False)
    assert list(models_dir.iterdir()) == []


def test_the_manifest_has_the_record_and_the_calibration_of_the_run(
    run: Path, sample_mnist: Mnist, models_dir: Path
) -> None:
    manifest = models.Manifest.read(export(run, sample_mnist, models_dir, None, int8=False).folder)
    assert manifest.training == RECORD | {"line": manifest.training["line"]}
    assert (manifest.temperature, manifest.rejection_threshold) == (0.7, 0.3)
    assert manifest.number_weights == Calibration.load(SHIPPED_LINE).number_weights
