"""Accuracy, calibration and mismatches of rows with labels."""

import random

import pytest

from digits_client.batch.evaluation import MAX_MISMATCHES, DigitEvaluation
from digits_client.batch.rows import Row


def digit(digit: int, confidence: float = 0.9, path: str = "a") -> Row:
    return Row(path, "digit", digit, confidence, "3")


NOT_A_DIGIT = Row("n", "not_a_digit", None, 0.3, "3")
BLANK = Row("b", "blank", None, 0.0, "3")
FAILED = Row("f", error="is broken")


def evaluate(*pairs: tuple[Row, int]) -> DigitEvaluation:
    evaluation = DigitEvaluation()
    for row, label in pairs:
        evaluation.add(row, str(label))
    return evaluation


def test_images_that_are_not_a_digit_blank_or_failed_are_not_correct() -> None:
    evaluation = evaluate(
        (digit(3), 3), (digit(3), 3), (digit(5), 3), (NOT_A_DIGIT, 3), (BLANK, 3), (FAILED, 3)
    )
    assert (evaluation.correct_count, evaluation.labeled_count) == (2, 6)
    assert evaluation.accuracy == pytest.approx(2 / 6)
    assert evaluation.confusion[3] == [0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 1, 1, 1]


def test_precision_is_among_recognized_images_and_recall_among_labeled_ones() -> None:
    evaluation = evaluate((digit(1), 1), (digit(1), 7), (digit(7), 7), (digit(7), 7), (BLANK, 1))
    assert evaluation.recall[1] == pytest.approx(1 / 2)
    assert evaluation.recall[7] == pytest.approx(2 / 3)
    assert evaluation.precision[1] == pytest.approx(1 / 2)
    assert evaluation.precision[7] == 1
    assert evaluation.recall[0] is evaluation.precision[0] is None


def test_without_labels_every_figure_is_zero_or_empty() -> None:
    evaluation = DigitEvaluation()
    assert (evaluation.accuracy, evaluation.calibration_error) == (0, None)
    assert evaluation.reliability == []


def test_the_calibration_error_is_the_distance_of_confidence_from_accuracy() -> None:
    calibrated = [(digit(1, 0.95), 1 if number < 95 else 2) for number in range(100)]
    assert evaluate(*calibrated).calibration_error == pytest.approx(0, abs=1e-9)
    overconfident = [(digit(1, 0.95), 1 if number < 50 else 2) for number in range(100)]
    assert evaluate(*overconfident).calibration_error == pytest.approx(0.45)
    both = evaluate(*calibrated, *((digit(1, 0.55), 1) for _ in range(100)))
    assert both.calibration_error == pytest.approx(0.45 / 2)
    low, high = both.reliability
    assert low == pytest.approx((0.55, 1.0, 100))
    assert high == pytest.approx((0.95, 0.95, 100))
    assert evaluate((digit(1, 1.0), 1)).reliability == [(1.0, 1.0, 1)]


def test_a_few_images_have_no_calibration_error() -> None:
    pairs = [(digit(1, 0.95), 1)] * 99
    assert evaluate(*pairs).calibration_error is None
    assert "calibration" not in "\n".join(evaluate(*pairs).summary())
    assert evaluate(*pairs, pairs[0]).calibration_error == pytest.approx(0.05)
    (line,) = evaluate(*pairs, pairs[0]).summary()
    assert line == "100 of 100 labeled images are correct: 100.00%; calibration error 5.00%"


def test_the_most_confident_mismatches_are_kept_whatever_the_order_of_rows() -> None:
    pairs = [(digit(9, number / 1000, f"{number:03}"), 4) for number in range(1000)]
    pairs += [(digit(4, 1.0, "right"), 4), (NOT_A_DIGIT, 4)]
    random.Random(1).shuffle(pairs)
    mismatches = evaluate(*pairs).mismatches
    assert [mismatch.path for mismatch in mismatches] == [
        f"{number:03}" for number in range(999, 999 - MAX_MISMATCHES, -1)
    ]
    assert str(mismatches[0]) == "999: labeled 4, recognized as 9 at 99.9%"


def test_no_mismatch_is_certain() -> None:
    assert str(evaluate((digit(9, 1.0), 4)).mismatches[0]).endswith("recognized as 9 at 99.9%")


def test_mismatches_of_equal_confidence_are_ordered_by_path() -> None:
    pairs = [(digit(9, 0.5, f"{number:03}"), 4) for number in range(100)]
    assert evaluate(*pairs).mismatches == evaluate(*reversed(pairs)).mismatches


def test_the_summary_has_accuracy_confusion_and_mismatches() -> None:
    lines = list(evaluate((digit(3), 3), (digit(5, 0.75, "x.png"), 3), (FAILED, 5)).summary())
    assert lines[0] == "1 of 3 labeled images are correct: 33.33%"
    assert lines[2].split() == ["3", *"...1.1.......", "50.0%", "100.0%"]
    assert lines[3].split() == ["5", *"............1", "0.0%", "0.0%"]
    assert lines[4].startswith("most confident mismatches")
    assert lines[-1].strip() == "x.png: labeled 3, recognized as 5 at 75.0%"


def test_the_summary_of_a_single_labeled_digit_has_no_confusion_matrix() -> None:
    (line,) = evaluate((digit(3), 3)).summary()
    assert line == "1 of 1 labeled image is correct: 100.00%"
    assert not any("recall" in line for line in evaluate((digit(3), 3), (digit(5), 3)).summary())
