"""Training runs on the repository's samples and strokes."""

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from digits_training.batches import ShuffledBatches, one_hot
from digits_training.calibration import Calibration, Predicted, cross_entropy
from digits_training.datasets import Mnist
from digits_training.errors import TrainingError
from digits_training.fit import calibrate, fit
from digits_training.keras_files import load_line_network, load_network, predict
from digits_training.mixture import build_held_out
from digits_training.record import RunRecord
from digits_training.recordings import NO_WRITING
from digits_training.settings import FitSettings

pytestmark = [
    # Keras 3.15 turns its variables into arrays in the way of NumPy before 2.0.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
    pytest.mark.usefixtures("small_mixture"),
    pytest.mark.training_run,
]
SHORT = FitSettings(
    epochs=3,
    batch_size=20,
    validation_count=150,
    learning_rate=0.01,
    teacher_epochs=1,
    epoch_count=200,
    taught_count=400,
)
SHORTEST = dataclasses.replace(SHORT, epochs=1, batch_size=50, epoch_count=100, taught_count=100)


@pytest.fixture(scope="module")
def compact_run(
    small_mixture: None,
    sample_mnist: Mnist,
    data_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The folder of a short run of the compact network."""
    folder = tmp_path_factory.mktemp("runs") / "compact"
    fit(SHORT, sample_mnist, data_dir, folder)
    return folder


def test_a_run_writes_networks_history_curves_calibration_and_record(compact_run: Path) -> None:
    assert sorted(path.name for path in compact_run.iterdir()) == [
        *("calibration.json", "curves.png", "history.csv", "model.keras", "run.json"),
        *("teacher-1.csv", "teacher-1.keras"),
    ]
    with (compact_run / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert len(history) == 3
    assert {"accuracy", "val_accuracy", "loss", "val_loss"} <= history[0].keys()
    with Image.open(compact_run / "curves.png") as picture:
        assert picture.format == "PNG"


def test_the_record_has_settings_data_versions_and_commit(compact_run: Path) -> None:
    record = RunRecord.load(compact_run)
    assert record is not None
    assert FitSettings(**record.settings) == SHORT
    assert record.epochs == 3
    assert set(record.data) == {
        *(f"mnist/{part}" for part in ("x_train", "y_train", "x_test", "y_test")),
        *("pendigits-train-strokes.jsonl.gz", "omniglot_small.npz"),
    }
    assert "tensorflow-cpu" in record.versions
    assert record.commit == "unknown" or len(record.commit.removesuffix("-dirty")) == 40
    assert str(Path.home()) not in json.dumps(record.settings)


def test_the_saved_network_is_from_the_epoch_with_the_lowest_validation_loss(
    compact_run: Path, sample_mnist: Mnist, data_dir: Path
) -> None:
    validation = build_held_out(sample_mnist, data_dir, SHORT.validation_count, SHORT.seed).all()
    probs = predict(load_network(compact_run), validation.inputs())
    with (compact_run / "history.csv").open() as file:
        best_epoch = min(csv.DictReader(file), key=lambda row: float(row["val_loss"]))
    loss, accuracy = float(best_epoch["val_loss"]), float(best_epoch["val_accuracy"])
    assert cross_entropy(probs, validation.labels) == pytest.approx(loss, rel=1e-4)
    assert (probs.argmax(axis=1) == validation.labels).mean() == pytest.approx(accuracy, abs=1e-4)
    record = RunRecord.load(compact_run)
    assert record is not None
    assert record.validation_accuracy == pytest.approx(accuracy, abs=1e-4)


def test_a_run_fits_a_temperature_and_a_threshold(compact_run: Path) -> None:
    calibration = Calibration.load(compact_run)
    assert calibration != Calibration()
    assert calibration.temperature > 0
    assert 0 <= calibration.rejection_threshold <= 1


def test_calibrating_a_run_again_gives_the_same_calibration(
    compact_run: Path, sample_mnist: Mnist, data_dir: Path
) -> None:
    fitted = Calibration.load(compact_run)
    assert calibrate(compact_run, sample_mnist, data_dir) == fitted
    assert Calibration.load(compact_run) == fitted


def test_a_calibration_is_fitted_on_digits_and_on_the_readings_of_scenes_that_show_one(
    compact_run: Path,
    sample_mnist: Mnist,
    data_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sets: list[NDArray[np.uint8]] = []

    def keep_labels(*predicted: Predicted) -> Calibration:
        sets.extend(labels for _, labels in predicted)
        return Calibration()

    monkeypatch.setattr("digits_training.fit.fit_calibration", keep_labels)
    run = shutil.copytree(compact_run, tmp_path / "run")
    calibrate(run, sample_mnist, data_dir)
    held_out = build_held_out(sample_mnist, data_dir, SHORT.validation_count, SHORT.seed)
    assert (held_out.scenes.labels == NO_WRITING).any()
    digits_in_scenes = held_out.scenes.labels[held_out.scenes.labels < 10]
    expected = [held_out.mnist.labels, held_out.strokes.labels, digits_in_scenes]
    for labels, expected_labels in zip(sets, expected, strict=True):
        np.testing.assert_array_equal(labels, expected_labels)


def test_a_run_of_the_line_network_starts_with_the_compact_networks_weights(
    compact_run: Path, sample_mnist: Mnist, data_dir: Path, tmp_path: Path
) -> None:
    run = tmp_path / "line"
    settings = FitSettings.for_network(
        "line",
        epochs=1,
        batch_size=16,
        epoch_count=32,
        validation_count=SHORT.validation_count,
        start_from=str(compact_run),
        learning_rate=1e-9,
    )
    fit(settings, sample_mnist, data_dir, run)
    names = {path.name for path in run.iterdir()}
    assert names == {"calibration.json", "curves.png", "history.csv", "model.keras", "run.json"}
    line, compact = load_line_network(run), load_network(compact_run)
    convolutions = [
        [layer for layer in model.layers if type(layer) is keras.layers.Conv2D]
        for model in (line, compact)
    ]
    for one, other in zip(*(each[:5] for each in convolutions), strict=True):
        np.testing.assert_allclose(one.get_weights()[0], other.get_weights()[0], atol=1e-4)
    assert Calibration.load(run).temperature == Calibration.load(compact_run).temperature
    with pytest.raises(TrainingError, match="28x28x1"):
        load_network(run)
    with pytest.raises(TrainingError, match="holds no network that reads lines"):
        load_line_network(compact_run)


def test_a_folder_without_a_run_cannot_be_calibrated(sample_mnist: Mnist, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="does not hold a run"):
        calibrate(tmp_path, sample_mnist, None)


def test_the_same_seed_gives_the_same_weights_and_an_existing_teacher_is_reused(
    compact_run: Path, sample_mnist: Mnist, data_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "teacher-1.keras").write_bytes((compact_run / "teacher-1.keras").read_bytes())
    fit(SHORT, sample_mnist, data_dir, tmp_path)
    assert (tmp_path / "teacher-1.keras").read_bytes() == (
        compact_run / "teacher-1.keras"
    ).read_bytes()
    first, second = load_network(compact_run), load_network(tmp_path)
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        assert np.allclose(one, other, atol=1e-3)


@pytest.mark.usefixtures("eager_tensorflow")
def test_without_a_teacher_the_network_learns_from_the_labels(
    sample_mnist: Mnist, data_dir: Path, tmp_path: Path
) -> None:
    fit(dataclasses.replace(SHORTEST, teacher_epochs=0), sample_mnist, data_dir, tmp_path)
    assert not (tmp_path / "teacher-1.keras").exists()
    assert (tmp_path / "model.keras").exists()


@pytest.mark.usefixtures("eager_tensorflow")
def test_missing_strokes_and_letters_are_logged_and_the_run_does_without_them(
    sample_mnist: Mnist, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fit(SHORTEST, sample_mnist, tmp_path, tmp_path / "run")
    assert "pendigits-train-strokes" in caplog.text
    assert "omniglot_small" in caplog.text
    record = RunRecord.load(tmp_path / "run")
    assert record is not None
    assert all(name.startswith("mnist/") for name in record.data)
    assert Calibration.load(tmp_path / "run") != Calibration()


@pytest.mark.usefixtures("eager_tensorflow")
def test_a_run_of_the_tutorials_network_also_writes_the_tutorials_file(
    sample_mnist: Mnist, tmp_path: Path
) -> None:
    fit(FitSettings.for_network("tutorial", epochs=1), sample_mnist, None, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("curves.png", "history.csv", "mnist.h5", "model.keras", "run.json")
    ]
    native, legacy = load_network(tmp_path), load_network(tmp_path / "mnist.h5")
    for one, other in zip(native.get_weights(), legacy.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_each_epoch_continues_with_the_next_shuffled_examples() -> None:
    labels = np.arange(450, dtype=np.uint8) % 10
    frames = np.arange(450, dtype=np.uint16)[:, None, None].repeat(28, 1).repeat(28, 2)

    def epoch(number: int) -> list[int]:
        batches = ShuffledBatches(
            frames,  # type: ignore[arg-type]
            one_hot(labels),
            epoch_count=200,
            batch_size=64,
            seed=1,
            epoch=number,
        )
        seen: list[int] = []
        for index in range(len(batches)):
            inputs, targets = batches[index]
            numbers = np.rint(inputs[:, 0, 0, 0] * 255).astype(int)
            assert np.array_equal(targets.argmax(axis=1), labels[numbers])
            seen += numbers.tolist()
        return seen

    first, second, third, again = epoch(0), epoch(1), epoch(2), epoch(0)
    assert [len(seen) for seen in (first, second, third)] == [200, 200, 200]
    assert len({*first, *second}) == 400
    assert first != third
    assert first == again


def test_keras_has_the_expected_major_version() -> None:
    assert keras.__version__.startswith("3.")
