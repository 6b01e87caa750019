"""A training run, on the repository's drawings."""

import csv
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from digits_training.datasets import Mnist
from digits_training.evaluate import Figures, load_network, predict
from digits_training.fit import ExampleBatches, Examples, fit, split
from digits_training.record import RunRecord
from digits_training.settings import FitSettings

pytestmark = [
    # Keras 3.15 turns its variables into arrays the way NumPy before 2.0 asked for.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]
SHORT = FitSettings(epochs=3, batch_size=50, validation_count=150, learning_rate=0.02)


@pytest.fixture(scope="module")
def compact_run(drawings: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short run of the compact network."""
    folder = tmp_path_factory.mktemp("runs") / "compact"
    fit(SHORT, drawings, folder)
    return folder


def test_a_run_leaves_the_network_its_history_its_curves_and_its_record(compact_run: Path) -> None:
    assert sorted(path.name for path in compact_run.iterdir()) == [
        *("curves.png", "history.csv", "model.keras", "run.json")
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
        f"mnist/{part}" for part in ("x_train", "y_train", "x_test", "y_test")
    }
    assert "tensorflow-cpu" in record.versions
    assert record.commit == "unknown" or len(record.commit.removesuffix("-dirty")) == 40
    assert str(Path.home()) not in json.dumps(record.settings)


def test_the_network_that_is_left_is_that_of_the_best_epoch(
    compact_run: Path, drawings: Mnist
) -> None:
    train = Examples.from_images(drawings.x_train, drawings.y_train)
    _, held_out = split(train, SHORT.validation_count, SHORT.seed)
    figures = Figures.of(predict(load_network(compact_run), held_out.frames), held_out.labels)
    with (compact_run / "history.csv").open() as file:
        best = max(float(row["val_accuracy"]) for row in csv.DictReader(file))
    record = RunRecord.load(compact_run)
    assert record is not None
    assert figures.accuracy == pytest.approx(best) == pytest.approx(record.validation_accuracy)


def test_the_same_seed_gives_the_same_weights(
    compact_run: Path, drawings: Mnist, tmp_path: Path
) -> None:
    fit(SHORT, drawings, tmp_path)
    first, second = load_network(compact_run), load_network(tmp_path)
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        assert np.allclose(one, other, atol=1e-3)


def test_the_tutorials_run_also_leaves_the_file_that_the_tutorial_saves(
    drawings: Mnist, tmp_path: Path
) -> None:
    fit(FitSettings.for_network("tutorial", epochs=1), drawings, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("curves.png", "history.csv", "mnist.h5", "model.keras", "run.json")
    ]
    native, legacy = load_network(tmp_path), load_network(tmp_path / "mnist.h5")
    for one, other in zip(native.get_weights(), legacy.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_what_is_held_out_is_not_trained_on(drawings: Mnist) -> None:
    numbered = Examples(
        np.arange(450, dtype=np.float32)[:, None, None] * np.ones((1, 28, 28), np.float32),
        drawings.y_train,
    )
    train, held_out = split(numbered, 100, seed=1)
    numbers = {*train.frames[:, 0, 0].astype(int)}, {*held_out.frames[:, 0, 0].astype(int)}
    assert (len(numbers[0]), len(numbers[1])) == (350, 100)
    assert numbers[0] | numbers[1] == {*range(450)}
    again, _ = split(numbered, 100, seed=1)
    assert np.array_equal(again.frames, train.frames)
    other, _ = split(numbered, 100, seed=2)
    assert not np.array_equal(other.frames, train.frames)


def test_an_epochs_batches_are_every_example_once_in_an_order_of_its_own(drawings: Mnist) -> None:
    examples = Examples(
        np.arange(450, dtype=np.float32)[:, None, None] * np.ones((1, 28, 28), np.float32),
        drawings.y_train,
    )
    batches = ExampleBatches(examples, FitSettings(augment=False, batch_size=100))

    def epoch() -> list[int]:
        seen: list[int] = []
        for index in range(len(batches)):
            frames, targets = batches[index]
            numbers = frames[:, 0, 0, 0].astype(int)
            assert np.array_equal(targets.argmax(axis=1), drawings.y_train[numbers])
            seen += numbers.tolist()
        batches.on_epoch_end()
        return seen

    first, second = epoch(), epoch()
    assert len(batches) == 5
    assert sorted(first) == sorted(second) == [*range(450)]
    assert first != second


def test_batches_are_augmented_where_the_settings_say_so(drawings: Mnist) -> None:
    examples = Examples.from_images(drawings.x_test, drawings.y_test)
    plain = ExampleBatches(examples, FitSettings(augment=False))[0][0]
    bent = ExampleBatches(examples, FitSettings(augment=True))[0][0]
    assert plain.shape == bent.shape == (50, 28, 28, 1)
    assert not np.array_equal(plain, bent)
    assert np.isin(plain.sum(axis=(1, 2, 3)), examples.frames.sum(axis=(1, 2))).all()


def test_keras_is_the_one_that_this_was_written_for() -> None:
    assert keras.__version__.startswith("3.")
