"""Temperature, threshold and calibration metrics, on synthetic predictions."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_training.calibration import (
    MAX_MISSED_MNIST,
    Calibration,
    apply_temperature,
    auroc,
    calibration_error,
    conditional_digit_probs,
    fit_calibration,
    top_digit_probability,
)

Probs = NDArray[np.float32]


def softmax(logits: NDArray[np.float64]) -> Probs:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def calibrated_predictions(count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Return logits whose softmax is each label's true probability, and labels sampled from it."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2.5, (count, 11))
    logits[:, 10] -= 8
    labels = [random.choice(11, p=row / row.sum()) for row in softmax(logits).astype(np.float64)]
    return logits, np.array(labels, np.uint8)


def test_a_temperature_divides_the_logits() -> None:
    logits = np.random.default_rng(1).normal(0, 2, (20, 11))
    np.testing.assert_allclose(
        apply_temperature(softmax(logits), 1.7), softmax(logits / 1.7), atol=1e-5
    )


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_the_fitted_temperature_recovers_the_scale_of_the_logits(scale: float) -> None:
    sets = []
    for seed in (1, 2):
        logits, labels = calibrated_predictions(3000, seed)
        sets.append((softmax(logits * scale), labels))
    assert fit_calibration(sets[0], sets[1]).temperature == pytest.approx(scale, rel=0.12)


def test_the_threshold_misses_no_more_digits_than_allowed() -> None:
    mnist, strokes = (calibrated_predictions(4000, seed) for seed in (3, 4))
    probs = softmax(mnist[0] * 3)
    fitted = fit_calibration((probs, mnist[1]), (softmax(strokes[0] * 3), strokes[1]))
    is_missed = top_digit_probability(fitted.apply(probs)) < fitted.rejection_threshold
    assert is_missed.mean() <= MAX_MISSED_MNIST + 0.001


def test_a_saved_calibration_is_loaded_again(tmp_path: Path) -> None:
    assert Calibration.load(tmp_path) == Calibration()
    Calibration(1.5, 0.25).save(tmp_path)
    assert Calibration.load(tmp_path) == Calibration(1.5, 0.25)


def test_conditional_probabilities_leave_out_the_eleventh_class() -> None:
    probs = np.full((1, 11), 0.05, np.float32)
    probs[0, 3], probs[0, 10] = 0.2, 0.35
    assert top_digit_probability(probs) == pytest.approx(0.2)
    conditional = conditional_digit_probs(probs)
    assert conditional.shape == (1, 10)
    assert conditional.sum() == pytest.approx(1)
    assert conditional[0, 3] == pytest.approx(0.2 / 0.65)


def test_the_calibration_error_is_the_mean_gap_between_confidence_and_accuracy() -> None:
    confidence = np.array([0.9] * 10 + [0.6] * 10, np.float32)
    right = np.array([True] * 9 + [False] + [True] * 2 + [False] * 8)
    assert calibration_error(confidence, right) == pytest.approx((0.0 + 0.4) / 2, abs=1e-6)


def test_the_auroc_is_the_share_of_pairs_in_order() -> None:
    digits, others = np.array([0.9, 0.8, 0.4], np.float32), np.array([0.5, 0.4], np.float32)
    assert auroc(digits, others) == pytest.approx((2 + 2 + 0 + 0.5) / 6)
    assert auroc(digits, digits) == pytest.approx(0.5)
