"""Earlier results."""

import csv
import io

from PIL import Image

from digits_client.draw.drawing import Content
from digits_client.draw.history import MAX_RESULTS, History
from digits_client.draw.strokes import Stroke
from digits_client.results import Number, Prediction, Verdict

SHEET = Image.new("L", (400, 400), 255)


def content(x: float) -> Content:
    return Content((Stroke(((x, 50.0), (x, 90.0)), 10),), None)


def number(text: str, verdict: Verdict = Verdict.DIGIT) -> Number:
    digits = tuple(Prediction(verdict, int(d), 0.9, (), "7") for d in text)
    return Number(text, 0.98765, digits or (Prediction(verdict, None, 0.0, (), "7"),), None)


def test_the_newest_result_is_first_and_the_oldest_are_dropped() -> None:
    history = History()
    for index in range(MAX_RESULTS + 5):
        history.keep(content(index), SHEET, number(str(index)))
    assert len(history.results) == MAX_RESULTS
    assert history.results[0].number.text == str(MAX_RESULTS + 4)


def test_the_same_drawing_is_kept_once() -> None:
    history = History()
    history.keep(content(1), SHEET, number("3"))
    history.keep(content(2), SHEET, number("4"))
    history.keep(content(1), SHEET, number("8"))
    assert [result.number.text for result in history.results] == ["8", "4"]


def test_a_thumbnail_shows_the_ink_with_a_margin() -> None:
    history = History()
    history.keep(content(100), SHEET, number("1"))
    assert history.results[0].thumbnail.size == (36, 76)


def test_the_csv_has_a_row_for_each_result_the_oldest_first() -> None:
    history = History()
    history.keep(content(1), SHEET, number("2026"))
    history.keep(content(2), SHEET, number("", Verdict.NOT_A_DIGIT))
    rows = list(csv.reader(io.StringIO(history.to_csv())))
    assert rows == [
        ["number", "verdict", "confidence", "model_version"],
        ["2026", "digit", "0.9877", "7"],
        ["", "not_a_digit", "", "7"],
    ]


def test_a_result_that_is_not_a_digit_says_so() -> None:
    history = History()
    history.keep(content(1), SHEET, number("", Verdict.NOT_A_DIGIT))
    assert history.results[0].texts == ("?", "not a digit")
    history.keep(content(1), SHEET, number("12"))
    assert history.results[0].texts == ("12", "98.8%")
