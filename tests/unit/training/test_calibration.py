"""Temperature, threshold and calibration metrics, on synthetic predictions."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_training.calibration import (
    MAX_MISSED_MNIST,
    MAX_MISSED_STROKES,
    Calibration,
    apply_temperature,
    auroc,
    calibration_error,
    chance_error,
    conditional_digit_probs,
    cross_entropy,
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


def predicted(count: int, seed: int) -> tuple[Probs, NDArray[np.uint8]]:
    """Return probabilities and labels of a network that is too confident."""
    logits, labels = calibrated_predictions(count, seed)
    return softmax(logits * 3), labels


def test_a_temperature_divides_the_logits() -> None:
    logits = np.random.default_rng(1).normal(0, 2, (20, 11))
    np.testing.assert_allclose(
        apply_temperature(softmax(logits), 1.7), softmax(logits / 1.7), atol=1e-5
    )


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_the_fitted_temperature_recovers_the_scale_of_the_logits(scale: float) -> None:
    sets = []
    for seed in (1, 2, 3):
        logits, labels = calibrated_predictions(3000, seed)
        sets.append((softmax(logits * scale), labels))
    assert fit_calibration(*sets).temperature == pytest.approx(scale, rel=0.12)


def missed_share(calibration: Calibration, probs: Probs, step: float = 0.0) -> float:
    """Return the share of digits that a threshold misses, or one that is a step higher."""
    threshold = calibration.rejection_threshold + step
    return float((top_digit_probability(calibration.apply(probs)) < threshold).mean())


def test_the_threshold_is_the_highest_that_misses_no_more_digits_than_allowed() -> None:
    scenes = predicted(500, 5)
    for count in (300, 4000):
        mnist, strokes = predicted(count, 3), predicted(count, 4)
        fitted = fit_calibration(mnist, strokes, scenes)
        shares = [missed_share(fitted, probs) for probs, _ in (mnist, strokes)]
        assert shares[0] <= MAX_MISSED_MNIST
        assert shares[1] <= MAX_MISSED_STROKES
        higher = [missed_share(fitted, probs, 0.0002) for probs, _ in (mnist, strokes)]
        assert higher[0] > MAX_MISSED_MNIST or higher[1] > MAX_MISSED_STROKES


def test_scenes_that_cannot_be_read_do_not_lower_the_threshold() -> None:
    mnist, strokes, scenes = (predicted(1000, seed) for seed in (3, 4, 5))
    unreadable = np.full_like(scenes[0], 1 / 11)
    fitted = fit_calibration(mnist, strokes, (unreadable, scenes[1]))
    shares = [missed_share(fitted, probs, 0.0002) for probs, _ in (mnist, strokes)]
    assert shares[0] > MAX_MISSED_MNIST or shares[1] > MAX_MISSED_STROKES


def test_each_set_has_equal_weight_in_the_temperature() -> None:
    logits, labels = calibrated_predictions(400, 1)
    sharp, plain = (softmax(logits * 3), labels), (softmax(logits), labels)
    few = (plain[0][:100], labels[:100])
    fitted = fit_calibration(sharp, few, few).temperature
    losses = [
        sum(
            cross_entropy(apply_temperature(probs, temperature), labels)
            for probs, labels in (sharp, few, few)
        )
        for temperature in (fitted * 0.9, fitted, fitted * 1.1)
    ]
    assert losses[1] == min(losses)


def test_missing_sets_are_left_out() -> None:
    mnist, strokes, scenes = (predicted(1000, seed) for seed in (3, 4, 5))
    missing = (mnist[0][:0], mnist[1][:0])
    only_mnist = fit_calibration(mnist, missing, missing)
    assert missed_share(only_mnist, mnist[0], 0.0002) > MAX_MISSED_MNIST
    only_strokes = fit_calibration(missing, strokes, missing)
    assert missed_share(only_strokes, strokes[0], 0.0002) > MAX_MISSED_STROKES
    only_scenes = fit_calibration(missing, missing, scenes)
    assert only_scenes.temperature != 1
    assert only_scenes.rejection_threshold == Calibration.rejection_threshold
    assert fit_calibration(missing, missing, missing) == Calibration()


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


def test_an_exact_confidence_has_the_calibration_error_of_chance_which_more_images_lower() -> None:
    random = np.random.default_rng(1)
    few, many = (random.uniform(0.5, 1, count).astype(np.float32) for count in (200, 20_000))
    for confidence in (few, many):
        is_right = random.random(len(confidence)) < confidence
        found, chance = calibration_error(confidence, is_right), chance_error(confidence)
        assert chance / 2 < found < 2 * chance
    assert chance_error(many) < chance_error(few) / 5
