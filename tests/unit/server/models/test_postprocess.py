import numpy as np
import pytest

from digits_server.models.postprocess import Verdict, to_predictions


def rows(*probs: list[float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array(probs, np.float32)


def digit_probs(digit: int, prob: float) -> list[float]:
    rest = (1 - prob) / 9
    return [prob if candidate == digit else rest for candidate in range(10)]


def frames(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.arange(1, count + 1, dtype=np.float32)[:, None, None].repeat(28, 1).repeat(28, 2)


def test_each_row_of_probabilities_belongs_to_its_frame() -> None:
    predictions = to_predictions(
        frames(3), rows(digit_probs(3, 0.9), digit_probs(0, 0.4), digit_probs(9, 0.8)), 0.5, "7"
    )
    assert [prediction.verdict for prediction in predictions] == [
        Verdict.DIGIT,
        Verdict.NOT_A_DIGIT,
        Verdict.DIGIT,
    ]
    assert [prediction.digit for prediction in predictions] == [3, None, 9]
    assert [prediction.confidence for prediction in predictions] == pytest.approx([0.9, 0.4, 0.8])
    assert [prediction.frame[0, 0] for prediction in predictions] == [1, 2, 3]
    assert {prediction.model_version for prediction in predictions} == {"7"}


def test_a_probability_at_the_threshold_is_a_digit() -> None:
    [prediction] = to_predictions(frames(1), rows(digit_probs(4, 0.5)), 0.5, "7")
    assert prediction.digit == 4


def test_an_eleventh_class_affects_the_verdict_and_the_digits_still_sum_to_one() -> None:
    half = [share / 2 for share in digit_probs(8, 0.8)]
    digit, not_a_digit = (
        to_predictions(frames(1), rows([*half, 0.5]), threshold, "7")[0]
        for threshold in (0.4, 0.41)
    )
    assert (digit.verdict, not_a_digit.verdict) == (Verdict.DIGIT, Verdict.NOT_A_DIGIT)
    assert digit.confidence == not_a_digit.confidence == pytest.approx(0.8)
    assert sum(not_a_digit.probs) == pytest.approx(1)
    assert len(not_a_digit.probs) == 10
