"""What the window says."""

import math

import pytest

from digits_client.draw import view_model
from digits_client.draw.events import Connected, Connecting, Disconnected
from digits_client.draw.view_model import Tone
from digits_client.results import Limits, Model, Prediction, Verdict


def shares(**by_digit: float) -> tuple[float, ...]:
    return tuple(by_digit.get(f"d{digit}", 0.0) for digit in range(10))


def test_a_sure_answer_is_a_digit_and_how_sure() -> None:
    bars = shares(d7=0.97, d1=0.03)
    answer = view_model.answer(Prediction(Verdict.DIGIT, 7, 0.97, bars, "3"))
    assert (answer.headline, answer.caption, answer.tone) == ("7", "97 % sure", Tone.GOOD)
    assert answer.bars == bars


def test_an_unsure_answer_names_the_second_likeliest() -> None:
    bars = shares(d7=0.6, d1=0.3, d9=0.1)
    answer = view_model.answer(Prediction(Verdict.DIGIT, 7, 0.6, bars, "3"))
    assert (answer.headline, answer.tone) == ("7", Tone.UNSURE)
    assert answer.caption == "60 % sure, or a 1"


def test_no_digit_is_said_in_words_and_keeps_its_bars() -> None:
    bars = shares(d4=0.5, d9=0.5)
    answer = view_model.answer(Prediction(Verdict.NOT_A_DIGIT, None, 0.5, bars, "3"))
    assert (answer.headline, answer.caption) == ("?", "no digit I know")
    assert answer.tone is Tone.UNSURE
    assert answer.bars == bars


def test_a_blank_sheet_is_said_to_be_blank() -> None:
    answer = view_model.answer(Prediction(Verdict.BLANK, None, 0.0, (), "3"))
    assert (answer.headline, answer.caption, answer.tone) == ("", "blank", Tone.PLAIN)
    assert answer.bars == (0.0,) * 10


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (0.004, "0 %"),
        (0.5, "50 %"),
        (0.994, "99 %"),
        (0.9949, "99 %"),
        (0.995, "99.5 %"),
        (0.9968, "99.7 %"),
        (0.9994, "99.9 %"),
        (0.9995, "99.9 %"),
        (0.99999, "99.9 %"),
        (math.nextafter(1, 0), "99.9 %"),
        (1.0, "100.0 %"),
    ],
)
def test_a_share_is_never_more_certain_than_it_is(share: float, text: str) -> None:
    assert view_model.percent(share) == text


def test_more_certain_is_never_said_to_be_less() -> None:
    said = [float(view_model.percent(share / 10_000).removesuffix(" %")) for share in range(10_001)]
    assert said == sorted(said)
    assert said.count(100.0) == 1


def test_a_digit_is_sure_from_a_confidence_on_and_unsure_below_it() -> None:
    bars = shares(d7=0.9, d1=0.1)
    at = view_model.answer(Prediction(Verdict.DIGIT, 7, view_model.UNSURE_BELOW, bars, "3"))
    assert (at.caption, at.tone) == ("90 % sure", Tone.GOOD)
    below = math.nextafter(view_model.UNSURE_BELOW, 0)
    unsure = view_model.answer(Prediction(Verdict.DIGIT, 7, below, bars, "3"))
    assert (unsure.caption, unsure.tone) == ("90 % sure, or a 1", Tone.UNSURE)


def test_of_two_digits_that_are_as_likely_the_other_one_is_named() -> None:
    bars = shares(d1=0.5, d7=0.5)
    answer = view_model.answer(Prediction(Verdict.DIGIT, 1, 0.5, bars, "3"))
    assert answer.caption == "50 % sure, or a 7"


def test_times_are_as_exact_as_they_are_read() -> None:
    assert view_model.milliseconds(0.0042) == "4.2 ms"
    assert view_model.milliseconds(0.123) == "123 ms"


def test_each_state_of_the_connection_has_its_words() -> None:
    model = Model("3", (), 0.99, "recipe", Limits(1, 1, 1, 1))
    assert view_model.status(Connecting("a:1")).text == "Connecting to a:1 …"
    assert view_model.status(Connected("a:1", model)) == view_model.Status(
        "Connected to a:1", Tone.GOOD
    )
    assert view_model.status(Connecting("a:1")).tone is Tone.UNSURE
    away = view_model.status(Disconnected("No server answers at a:1.", 3.2))
    assert away == view_model.Status("No server answers at a:1. Trying again in 3 s.", Tone.BAD)


@pytest.mark.parametrize(
    ("seconds", "again"),
    [(0.2, "Trying again."), (0.99, "Trying again."), (1.0, "Trying again in 1 s.")],
)
def test_a_wait_of_no_second_has_no_number(seconds: float, again: str) -> None:
    assert view_model.status(Disconnected("Away.", seconds)).text == f"Away. {again}"
