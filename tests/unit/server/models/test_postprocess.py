import numpy as np
import pytest

from digits_server.models.postprocess import Verdict, to_predictions


def rows(*probs: list[float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array(probs, np.float32)


def likely(digit: int, prob: float) -> list[float]:
    rest = (1 - prob) / 9
    return [prob if each == digit else rest for each in range(10)]


def frames(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.arange(1, count + 1, dtype=np.float32)[:, None, None].repeat(28, 1).repeat(28, 2)


def test_each_row_is_the_answer_for_its_own_frame() -> None:
    answers = to_predictions(
        frames(3), rows(likely(3, 0.9), likely(0, 0.4), likely(9, 0.8)), 0.5, "7"
    )
    assert [answer.verdict for answer in answers] == [
        Verdict.DIGIT,
        Verdict.NOT_A_DIGIT,
        Verdict.DIGIT,
    ]
    assert [answer.digit for answer in answers] == [3, None, 9]
    assert [answer.confidence for answer in answers] == pytest.approx([0.9, 0.4, 0.8])
    assert [answer.frame[0, 0] for answer in answers] == [1, 2, 3]
    assert {answer.model_version for answer in answers} == {"7"}


def test_at_the_threshold_it_is_a_digit() -> None:
    [answer] = to_predictions(frames(1), rows(likely(4, 0.5)), 0.5, "7")
    assert answer.digit == 4


def test_what_an_eleventh_class_takes_counts_for_the_verdict_and_is_shared_by_the_digits() -> None:
    half = [share / 2 for share in likely(8, 0.8)]
    known, unknown = (
        to_predictions(frames(1), rows([*half, 0.5]), threshold, "7")[0]
        for threshold in (0.4, 0.41)
    )
    assert (known.verdict, unknown.verdict) == (Verdict.DIGIT, Verdict.NOT_A_DIGIT)
    assert known.confidence == unknown.confidence == pytest.approx(0.8)
    assert sum(unknown.probs) == pytest.approx(1)
    assert len(unknown.probs) == 10
