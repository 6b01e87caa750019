"""Accuracy of numbers, digit by digit."""

import pytest

from digits_client.batch.number_evaluation import NumberEvaluation
from digits_client.batch.rows import Row


def number(text: str, confidence: float = 0.9) -> Row:
    return Row("a.png", "digit", None, confidence, "3", number=text)


def test_numbers_are_right_as_a_whole_and_digit_by_digit() -> None:
    evaluation = NumberEvaluation()
    for row, label in (
        (number("2026"), "2026"),
        (number("2020"), "2026"),
        (number("17"), "127"),
        (Row("b", "blank", None, 0.0, "3"), "5"),
        (Row("f", error="is broken"), "55"),
    ):
        evaluation.add(row, label)
    assert (evaluation.correct_count, evaluation.labeled_count) == (1, 5)
    assert (evaluation.digit_count, evaluation.wrong_count) == (14, 5)
    assert evaluation.digit_accuracy == pytest.approx(9 / 14)
    assert dict(evaluation.confusions) == {"5 missed": 3, "6 read as 0": 1, "2 missed": 1}
    text = "\n".join(evaluation.summary())
    assert "1 of 5 labeled images are correct: 20.00%" in text
    assert "64.29% of 14 digits are right" in text
    assert "commonest confusions: 5 missed (3)" in text


def test_digits_that_are_too_many_do_not_make_less_than_nothing() -> None:
    evaluation = NumberEvaluation()
    assert evaluation.digit_accuracy == 0
    evaluation.add(number("11111"), "2")
    assert evaluation.digit_accuracy == 0
    assert ("1 too many", 4) in evaluation.confusions
