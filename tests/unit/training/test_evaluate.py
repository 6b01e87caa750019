"""Figures, against answers made by hand."""

import json
import math
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from digits_training.datasets import Mnist
from digits_training.errors import TrainingError
from digits_training.evaluate import evaluate
from digits_training.keras_files import load_network
from digits_training.metrics import Figures

pytestmark = [
    # Keras 3.15 turns its variables into arrays the way NumPy before 2.0 asked for.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]


def sure_of(*digits: int, share: float = 1.0) -> NDArray[np.float32]:
    """Return (N, 10): ``share`` for the digit, and the rest for the others alike."""
    probs = np.full((len(digits), 10), (1 - share) / 9, np.float32)
    probs[np.arange(len(digits)), digits] = share
    return probs


def test_accuracy_is_the_share_answered_right() -> None:
    figures = Figures.of(sure_of(7, 2, 1, 1), np.array([7, 2, 1, 0], np.uint8))
    assert figures.accuracy == 0.75


def test_the_confusion_has_the_true_digit_down_and_the_answered_one_across() -> None:
    figures = Figures.of(sure_of(9, 9, 4), np.array([4, 4, 4], np.uint8))
    assert figures.confusion[4, 9] == 2
    assert figures.confusion[4, 4] == 1
    assert figures.confusion.sum() == 3


def test_the_loss_is_the_mean_cross_entropy_in_nats() -> None:
    probs = np.concatenate([sure_of(3, share=0.5), sure_of(3, share=0.25)])
    figures = Figures.of(probs, np.array([3, 3], np.uint8))
    assert figures.loss == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_a_digit_that_was_held_impossible_costs_much_but_not_infinitely() -> None:
    assert Figures.of(sure_of(3), np.array([5], np.uint8)).loss == pytest.approx(-math.log(1e-12))


def test_the_table_has_recall_and_precision_of_each_digit() -> None:
    # Of three 0s two are right; one 1 is right, and a 0 was taken for another.
    table = Figures.of(sure_of(0, 0, 1, 1), np.array([0, 0, 0, 1], np.uint8)).table()
    lines = [line.split() for line in table.splitlines()]
    assert lines[1] == ["accuracy", "75.00%", "(3", "of", "4)"]
    assert lines[4] == ["0", "3", "2", "66.67%", "100.00%"]
    assert lines[5] == ["1", "1", "1", "100.00%", "50.00%"]
    assert lines[6] == ["2", "0", "0", "0.00%", "0.00%"]  # there was none


def test_an_evaluation_leaves_its_figures_and_a_picture(
    linear: keras.Model, drawings: Mnist, data_dir: Path, tmp_path: Path
) -> None:
    linear.save(tmp_path / "linear.keras")
    out = tmp_path / "new" / "report"
    text = evaluate(tmp_path / "linear.keras", drawings, data_dir, out)
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["mnist_test_accuracy"] > 0.9
    assert f"{metrics['mnist_test_accuracy']:.2%}" in text
    assert metrics["strokes"]["images"] == 20
    assert 0 <= metrics["letters"]["area_under_curve"] <= 1
    assert "left out" in text  # there are no images of people's own
    assert "wild" in text
    page = (out / "report.html").read_text()
    assert "Pen strokes of unseen writers" in page
    assert "rotation" in page
    with Image.open(out / "confusion.png") as picture:
        assert picture.format == "PNG"


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"model\.keras does not exist$"):
        load_network(tmp_path)


@pytest.mark.parametrize("name", ["model.keras", "mnist.h5", "model.onnx"])
def test_a_file_that_is_no_network_is_an_error_that_names_it(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"no network")
    with pytest.raises(TrainingError, match=f"{name} is not a Keras model: "):
        load_network(tmp_path / name)


@pytest.mark.parametrize(
    ("inputs", "outputs"), [((28, 28), 10), ((32, 32, 1), 10), ((28, 28, 1), 9)]
)
def test_a_network_of_other_shapes_is_refused(
    inputs: tuple[int, ...], outputs: int, tmp_path: Path
) -> None:
    model = keras.Sequential(
        [keras.Input(inputs), keras.layers.Flatten(), keras.layers.Dense(outputs)]
    )
    model.save(tmp_path / "other.keras")
    with pytest.raises(TrainingError, match=r"not 28x28x1 frames to digits$"):
        load_network(tmp_path / "other.keras")
