"""Metrics of synthetic predictions, and the evaluation of a network."""

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
from digits_training.eval_results import tutorial_frames
from digits_training.evaluate import evaluate
from digits_training.keras_files import load_network
from digits_training.metrics import Metrics
from digits_training.scenes import BLANK_KINDS

pytestmark = [
    # Keras 3.15 turns its variables into arrays in the way of NumPy before 2.0.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]


def predict_digits(*digits: int, confidence: float = 1.0) -> NDArray[np.float32]:
    """Return (N, 10) probabilities: ``confidence`` for each digit, the rest divided evenly."""
    probs = np.full((len(digits), 10), (1 - confidence) / 9, np.float32)
    probs[np.arange(len(digits)), digits] = confidence
    return probs


def test_accuracy_is_the_share_of_right_predictions() -> None:
    metrics = Metrics.compute(predict_digits(7, 2, 1, 1), np.array([7, 2, 1, 0], np.uint8))
    assert metrics.accuracy == 0.75


def test_the_confusion_matrix_has_a_row_per_true_digit_and_a_column_per_predicted_one() -> None:
    metrics = Metrics.compute(predict_digits(9, 9, 4), np.array([4, 4, 4], np.uint8))
    assert metrics.confusion[4, 9] == 2
    assert metrics.confusion[4, 4] == 1
    assert metrics.confusion.sum() == 3


def test_the_loss_is_the_mean_cross_entropy_in_nats() -> None:
    probs = np.concatenate([predict_digits(3, confidence=0.5), predict_digits(3, confidence=0.25)])
    metrics = Metrics.compute(probs, np.array([3, 3], np.uint8))
    assert metrics.loss == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_the_loss_of_an_impossible_digit_is_large_but_finite() -> None:
    assert Metrics.compute(predict_digits(3), np.array([5], np.uint8)).loss == pytest.approx(
        -math.log(1e-12)
    )


def test_the_table_has_recall_and_precision_of_each_digit() -> None:
    # Two of three 0s are right; the only 1 is right, and a 0 was read as a 1.
    table = Metrics.compute(predict_digits(0, 0, 1, 1), np.array([0, 0, 0, 1], np.uint8)).table()
    lines = [line.split() for line in table.splitlines()]
    assert lines[1] == ["accuracy", "75.00%", "(3", "of", "4)"]
    assert lines[4] == ["0", "3", "2", "66.67%", "100.00%"]
    assert lines[5] == ["1", "1", "1", "100.00%", "50.00%"]
    assert lines[6] == ["2", "0", "0", "0.00%", "0.00%"]  # no images


@pytest.mark.usefixtures("few_corruptions")
def test_an_evaluation_writes_metrics_a_report_and_a_confusion_matrix(
    linear_model: keras.Model, sample_mnist: Mnist, data_dir: Path, tmp_path: Path
) -> None:
    linear_model.save(tmp_path / "linear.keras")
    out = tmp_path / "new" / "report"
    text = evaluate(tmp_path / "linear.keras", sample_mnist, data_dir, out)
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["mnist_test_accuracy"] > 0.9
    assert f"{metrics['mnist_test_accuracy']:.2%}" in text
    assert metrics["strokes"]["images"] == 20
    assert 0 <= metrics["letters"]["area_under_curve"] <= 1
    assert metrics["mnist"]["readings_per_image"] == 1
    assert metrics["blank"]["images"] == len(BLANK_KINDS)
    assert 0 <= metrics["blank"]["right"] <= metrics["blank"]["rejected"] <= 1
    assert "area_under_curve" not in metrics["blank"]
    lines = {line[:30].strip(): line[30:].split() for line in text.splitlines()}
    assert lines["MNIST test set"][-1] == "1.00"
    share, readings = metrics["blank"]["right"], metrics["blank"]["readings_per_image"]
    assert lines["Blank images"][1::2] == [f"{share:.2%}", f"{readings:.2f}"]
    assert len(lines["Letters of unseen alphabets"]) == 3  # without a share of right ones
    assert "skipped: " in text  # there are no people's own images
    assert "wild" in text
    page = (out / "report.html").read_text()
    assert "Pen strokes of unseen writers" in page
    assert "rotation" in page
    with Image.open(out / "confusion.png") as picture:
        assert picture.format == "PNG"


@pytest.mark.usefixtures("few_corruptions")
def test_the_tutorials_frames_are_one_per_image(
    linear_model: keras.Model, sample_mnist: Mnist, data_dir: Path, tmp_path: Path
) -> None:
    linear_model.save(tmp_path / "linear.keras")
    evaluate(tmp_path / "linear.keras", sample_mnist, data_dir, tmp_path, tutorial_frames)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    sets = [values for values in metrics.values() if isinstance(values, dict)]
    assert len(sets) == 4
    assert {values["readings_per_image"] for values in sets} == {1}


def test_a_missing_file_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"it has no model\.keras$"):
        load_network(tmp_path)


@pytest.mark.parametrize("name", ["model.keras", "mnist.h5", "model.onnx"])
def test_a_file_that_is_not_a_network_is_an_error_that_names_the_file(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(b"not a network")
    with pytest.raises(TrainingError, match=f"{name} is neither a .keras nor an .h5 file$"):
        load_network(tmp_path / name)


@pytest.mark.parametrize("start", [b"PK\3\4", b"\x89HDF\r\n\x1a\n"])
def test_a_damaged_network_is_an_error_that_names_the_file(start: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(start + bytes(100))
    with pytest.raises(TrainingError, match=r"model.keras is not a Keras model"):
        load_network(tmp_path / "model.keras")


@pytest.mark.parametrize(
    ("inputs", "outputs"), [((28, 28), 10), ((32, 32, 1), 10), ((28, 28, 1), 9)]
)
def test_a_network_of_other_shapes_is_an_error(
    inputs: tuple[int, ...], outputs: int, tmp_path: Path
) -> None:
    model = keras.Sequential(
        [keras.Input(inputs), keras.layers.Flatten(), keras.layers.Dense(outputs)]
    )
    model.save(tmp_path / "other.keras")
    with pytest.raises(TrainingError, match=r"not 28x28x1 frames to 10 to 12 classes$"):
        load_network(tmp_path / "other.keras")
