"""How often answers are right."""

import random

import pytest

from digits_client.batch.evaluation import KEPT_DISAGREEMENTS, Evaluation
from digits_client.batch.rows import Row


def digit(digit: int, confidence: float = 0.9, path: str = "a") -> Row:
    return Row(path, "digit", digit, confidence, "3")


NOT_A_DIGIT = Row("n", "not_a_digit", None, 0.3, "3")
BLANK = Row("b", "blank", None, 0.0, "3")
FAILED = Row("f", error="is broken")


def evaluated(*pairs: tuple[Row, int]) -> Evaluation:
    evaluation = Evaluation()
    for row, label in pairs:
        evaluation.add(row, label)
    return evaluation


def test_what_is_turned_away_blank_or_failed_is_not_right() -> None:
    evaluation = evaluated(
        (digit(3), 3), (digit(3), 3), (digit(5), 3), (NOT_A_DIGIT, 3), (BLANK, 3), (FAILED, 3)
    )
    assert (evaluation.right_count, evaluation.labelled_count) == (2, 6)
    assert evaluation.accuracy == pytest.approx(2 / 6)
    assert evaluation.confusion[3].tolist() == [0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 1, 1, 1]


def test_precision_is_of_what_is_answered_and_recall_of_what_is_labelled() -> None:
    evaluation = evaluated((digit(1), 1), (digit(1), 7), (digit(7), 7), (digit(7), 7), (BLANK, 1))
    assert evaluation.recall[1] == pytest.approx(1 / 2)
    assert evaluation.recall[7] == pytest.approx(2 / 3)
    assert evaluation.precision[1] == pytest.approx(1 / 2)
    assert evaluation.precision[7] == 1
    assert evaluation.recall[0] is evaluation.precision[0] is None


def test_nothing_labelled_is_nothing_right() -> None:
    evaluation = Evaluation()
    assert (evaluation.accuracy, evaluation.calibration_error) == (0, 0)
    assert evaluation.reliability == []


def test_the_calibration_error_is_how_far_confidence_is_off() -> None:
    sure = [(digit(1, 0.95), 1 if number < 95 else 2) for number in range(100)]
    assert evaluated(*sure).calibration_error == pytest.approx(0, abs=1e-9)
    boasting = [(digit(1, 0.95), 1 if number < 50 else 2) for number in range(100)]
    assert evaluated(*boasting).calibration_error == pytest.approx(0.45)
    both = evaluated(*sure, *((digit(1, 0.55), 1) for _ in range(100)))
    assert both.calibration_error == pytest.approx(0.45 / 2)
    low, high = both.reliability
    assert low == pytest.approx((0.55, 1.0, 100))
    assert high == pytest.approx((0.95, 0.95, 100))
    assert evaluated((digit(1, 1.0), 1)).reliability == [(1.0, 1.0, 1)]


def test_the_surest_disagreements_are_kept_in_any_order_of_the_rows() -> None:
    pairs = [(digit(9, number / 1000, f"{number:03}"), 4) for number in range(1000)]
    pairs += [(digit(4, 1.0, "right"), 4), (NOT_A_DIGIT, 4)]
    random.Random(1).shuffle(pairs)
    found = evaluated(*pairs).disagreements
    assert [one.path for one in found] == [
        f"{number:03}" for number in range(999, 999 - KEPT_DISAGREEMENTS, -1)
    ]
    assert str(found[0]) == "999: labelled 4, answered 9 at 99.9%"


def test_equal_ones_are_kept_by_their_path() -> None:
    pairs = [(digit(9, 0.5, f"{number:03}"), 4) for number in range(100)]
    assert evaluated(*pairs).disagreements == evaluated(*reversed(pairs)).disagreements


def test_the_closing_lines_say_it_all() -> None:
    lines = list(evaluated((digit(3), 3), (digit(5, 0.75, "x.png"), 3), (FAILED, 5)).summary())
    assert lines[0].startswith("1 of 3 labelled images are right: 33.33%; calibration error ")
    assert lines[5].split() == ["3", *"...1.1.......", "50.0%", "100.0%"]
    assert lines[7].split() == ["5", *"............1", "0.0%", "0.0%"]
    assert lines[-1].strip() == "x.png: labelled 3, answered 5 at 75.0%"
    assert len({len(line.rstrip()) for line in lines[2:3]}) == 1
