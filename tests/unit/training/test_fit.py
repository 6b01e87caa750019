"""A training run, on the repository's drawings and strokes."""

import csv
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from digits_training.batches import PlainBatches, one_hot
from digits_training.calibration import Calibration
from digits_training.datasets import Mnist
from digits_training.errors import TrainingError
from digits_training.fit import calibrate, fit
from digits_training.keras_files import load_network, predict
from digits_training.mixture import curriculum
from digits_training.record import RunRecord
from digits_training.settings import FitSettings

pytestmark = [
    # Keras 3.15 turns its variables into arrays the way NumPy before 2.0 asked for.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]
SHORT = FitSettings(
    epochs=3,
    batch_size=50,
    validation_count=150,
    learning_rate=0.01,
    teacher_epochs=1,
    epoch_count=500,
    taught_count=700,
)


@pytest.fixture(scope="module", autouse=True)
def _few_scribbles() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digits_training.mixture.SCRIBBLE_COUNT", 40)
        patch.setattr("digits_training.mixture.HABIT_COUNT", 40)
        yield


@pytest.fixture(scope="module")
def compact_run(drawings: Mnist, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short run of the compact network."""
    folder = tmp_path_factory.mktemp("runs") / "compact"
    fit(SHORT, drawings, data_dir, folder)
    return folder


def test_a_run_leaves_the_networks_the_history_the_curves_and_the_record(
    compact_run: Path,
) -> None:
    assert sorted(path.name for path in compact_run.iterdir()) == [
        *("calibration.json", "curves.png", "history.csv", "model.keras", "run.json"),
        "teacher.keras",
    ]
    with (compact_run / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert len(history) == 3
    assert {"accuracy", "val_accuracy", "loss", "val_loss"} <= history[0].keys()
    with Image.open(compact_run / "curves.png") as picture:
        assert picture.format == "PNG"


def test_the_record_tells_how_the_run_came_about(compact_run: Path) -> None:
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


def test_the_network_that_is_left_is_that_of_the_best_epoch(
    compact_run: Path, drawings: Mnist, data_dir: Path
) -> None:
    held_out = curriculum(drawings, data_dir, SHORT.validation_count, SHORT.seed).held_out.all()
    answered = predict(load_network(compact_run), held_out.inputs()).argmax(axis=1)
    with (compact_run / "history.csv").open() as file:
        chosen = min(csv.DictReader(file), key=lambda row: float(row["val_loss"]))
    best = float(chosen["val_accuracy"])
    record = RunRecord.load(compact_run)
    assert record is not None
    accuracy = float((answered == held_out.labels).mean())
    assert accuracy == pytest.approx(best, abs=1e-4)
    assert record.validation_accuracy == pytest.approx(best, abs=1e-4)


def test_a_run_leaves_a_temperature_and_a_threshold(compact_run: Path) -> None:
    calibration = Calibration.load(compact_run)
    assert calibration != Calibration()
    assert calibration.temperature > 0
    assert 0 <= calibration.rejection_threshold <= 1


def test_calibrating_anew_gives_what_the_run_gave(
    compact_run: Path, drawings: Mnist, data_dir: Path
) -> None:
    at_its_end = Calibration.load(compact_run)
    assert calibrate(compact_run, drawings, data_dir) == at_its_end
    assert Calibration.load(compact_run) == at_its_end


def test_what_is_no_run_cannot_be_calibrated(drawings: Mnist, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds no run"):
        calibrate(tmp_path, drawings, None)


def test_the_same_seed_gives_the_same_weights_and_a_teacher_that_is_there_is_used(
    compact_run: Path, drawings: Mnist, data_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "teacher.keras").write_bytes((compact_run / "teacher.keras").read_bytes())
    fit(SHORT, drawings, data_dir, tmp_path)
    assert (tmp_path / "teacher.keras").read_bytes() == (compact_run / "teacher.keras").read_bytes()
    first, second = load_network(compact_run), load_network(tmp_path)
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        assert np.allclose(one, other, atol=1e-3)


def test_without_a_teacher_the_network_learns_from_the_labels(
    drawings: Mnist, data_dir: Path, tmp_path: Path
) -> None:
    settings = FitSettings(
        epochs=1, batch_size=50, validation_count=150, teacher_epochs=0, epoch_count=200
    )
    fit(settings, drawings, data_dir, tmp_path)
    assert not (tmp_path / "teacher.keras").exists()
    assert (tmp_path / "model.keras").exists()


def test_a_run_with_mnist_alone_says_what_is_missing_and_learns_from_the_rest(
    drawings: Mnist, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fit(dataclasses.replace(SHORT, epochs=1), drawings, tmp_path, tmp_path / "run")
    assert "pendigits-train-strokes" in caplog.text
    assert "omniglot_small" in caplog.text
    record = RunRecord.load(tmp_path / "run")
    assert record is not None
    assert all(name.startswith("mnist/") for name in record.data)
    assert Calibration.load(tmp_path / "run") != Calibration()


def test_the_tutorials_run_also_leaves_the_file_that_the_tutorial_saves(
    drawings: Mnist, tmp_path: Path
) -> None:
    fit(FitSettings.for_network("tutorial", epochs=1), drawings, None, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("curves.png", "history.csv", "mnist.h5", "model.keras", "run.json")
    ]
    native, legacy = load_network(tmp_path), load_network(tmp_path / "mnist.h5")
    for one, other in zip(native.get_weights(), legacy.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_an_epochs_batches_are_the_next_examples_in_an_order_of_its_own() -> None:
    labels = np.arange(450, dtype=np.uint8) % 10
    frames = np.arange(450, dtype=np.uint16)[:, None, None].repeat(28, 1).repeat(28, 2)
    batches = PlainBatches(frames, one_hot(labels), 200, 64, seed=1)  # type: ignore[arg-type]

    def epoch() -> list[int]:
        seen: list[int] = []
        for index in range(len(batches)):
            inputs, targets = batches[index]
            numbers = np.rint(inputs[:, 0, 0, 0] * 255).astype(int)
            assert np.array_equal(targets.argmax(axis=1), labels[numbers])
            seen += numbers.tolist()
        batches.on_epoch_end()
        return seen

    first, second, third = epoch(), epoch(), epoch()
    assert [len(seen) for seen in (first, second, third)] == [200, 200, 200]
    assert len({*first, *second}) == 400
    assert first != third


def test_keras_is_the_one_that_this_was_written_for() -> None:
    assert keras.__version__.startswith("3.")
