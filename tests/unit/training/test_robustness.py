"""Accuracy on corrupted images."""

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.preprocessing.normalize import normalize
from digits_training.calibration import Calibration
from digits_training.corruptions import CORRUPTIONS, on_canvas
from digits_training.datasets import Mnist
from digits_training.robustness import CorruptionResult, measure_robustness, robustness_table


def compare_halves(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Predict 1 if there is more ink in the upper half, else 0, also for a blank frame."""
    probs = np.full((len(frames), 10), 0.04, np.float32)
    digits = (frames[:, :14].sum(axis=(1, 2)) > frames[:, 14:].sum(axis=(1, 2))).astype(int)
    probs[np.arange(len(frames)), digits] = 0.64
    return probs


def test_there_is_a_result_without_corruption_and_one_for_each_corruption_and_severity(
    sample_mnist: Mnist,
) -> None:
    images = list(sample_mnist.x_test[:4])
    probs = compare_halves(np.stack([normalize(on_canvas(image)) for image in images]))
    labels = probs.argmax(axis=1).astype(np.uint8)
    results = measure_robustness(images, labels, compare_halves, Calibration(), seed=3)
    assert results[0] == CorruptionResult("none", "", 0.0, 1.0, 1.0)
    assert [(result.corruption, result.severity) for result in results[1:]] == [
        (corruption.name, severity)
        for corruption in CORRUPTIONS
        for severity in corruption.severities
    ]
    assert all(result.accuracy <= result.top_digit_accuracy for result in results)
    assert results == measure_robustness(images, labels, compare_halves, Calibration(), seed=3)


def test_a_digit_below_the_threshold_counts_as_right_for_the_top_digit_only(
    sample_mnist: Mnist, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digits_training.robustness.CORRUPTIONS", ())
    labels = np.array([0, 1], np.uint8)

    def predict(frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.eye(10, dtype=np.float32)[:2] * 0.3 + 0.07

    images = list(sample_mnist.x_test[:2])
    results = measure_robustness(images, labels, predict, Calibration())
    assert results[0].top_digit_accuracy == 1
    assert results[0].accuracy == 0


def test_a_blank_image_counts_as_wrong() -> None:
    blank = np.full((300, 300), 255, np.uint8)
    label = compare_halves(np.zeros((1, 28, 28), np.float32)).argmax(axis=1).astype(np.uint8)
    results = measure_robustness([blank], label, compare_halves, Calibration())
    assert results[0].top_digit_accuracy == results[0].accuracy == 0


def test_the_table_has_a_line_for_each_result() -> None:
    results = [
        CorruptionResult("none", "", 0.0, 1.0, 1.0),
        CorruptionResult("shift", "px", 10.0, 0.5, 0.25),
    ]
    lines = robustness_table(results).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[2] == ["none", "0", "100.0%", "100.0%"]
    assert cells[3] == ["shift", "10 px", "50.0%", "25.0%"]
    assert len({len(line) for line in lines}) == 1
