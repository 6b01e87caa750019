"""The texts that the window shows."""

import pytest

from digits_client.draw import view_model
from digits_client.draw.events import Connected, Connecting, Disconnected, StartingServer
from digits_client.draw.view_model import Tone
from digits_client.results import Limits, Model, Number, Prediction, Reason, Verdict

NO_BARS = (0.0,) * 11


def probabilities(**by_digit: float) -> tuple[float, ...]:
    return tuple(by_digit.get(f"d{digit}", 0.0) for digit in range(10))


def test_a_confident_prediction_shows_the_digit_and_its_confidence() -> None:
    bars = probabilities(d7=0.97, d1=0.03)
    view = view_model.prediction_view(Prediction(Verdict.DIGIT, 7, 0.97, bars, "3"))
    assert (view.headline, view.caption, view.tone) == ("7", "97.0% sure", Tone.GOOD)
    assert view.bars == (*bars, 0.0)


def test_an_unsure_prediction_names_the_second_most_likely_digit() -> None:
    bars = probabilities(d7=0.6, d1=0.3, d9=0.1)
    view = view_model.prediction_view(Prediction(Verdict.DIGIT, 7, 0.6, bars, "3"))
    assert (view.headline, view.tone) == ("7", Tone.UNSURE)
    assert view.caption == "60.0% sure, maybe a 1"


def test_the_bars_are_shares_of_the_whole_and_agree_with_the_verdict() -> None:
    bars = probabilities(d4=0.996, d9=0.004)
    rejected = Prediction(Verdict.NOT_A_DIGIT, None, 0.996, bars, "3", not_a_digit=0.9)
    view = view_model.prediction_view(rejected)
    assert (view.headline, view.caption, view.tone) == ("?", "not a digit", Tone.UNSURE)
    assert sum(view.bars) == pytest.approx(1)
    assert max(view.bars) == view.bars[10] == 0.9
    accepted = Prediction(Verdict.DIGIT, 4, 0.996, bars, "3", not_a_digit=0.3)
    view = view_model.prediction_view(accepted)
    assert sum(view.bars) == pytest.approx(1)
    assert max(view.bars) == view.bars[4]
    assert view.caption == "69.7% sure, maybe not a digit"


def test_shares_without_that_of_the_verdict_are_not_shown() -> None:
    bars = probabilities(d4=0.996, d9=0.004)
    from_older_server = Prediction(Verdict.NOT_A_DIGIT, None, 0.996, bars, "3")
    assert view_model.prediction_view(from_older_server).bars == NO_BARS


def test_a_blank_sheet_shows_no_digit_and_empty_bars() -> None:
    view = view_model.prediction_view(Prediction(Verdict.BLANK, None, 0.0, (), "3"))
    assert (view.headline, view.caption, view.tone) == ("", "blank", Tone.PLAIN)
    assert view.bars == NO_BARS


def test_durations_have_a_decimal_only_below_10_ms() -> None:
    assert view_model.milliseconds(0.0042) == "4.2 ms"
    assert view_model.milliseconds(0.123) == "123 ms"


def test_each_state_of_the_connection_has_a_status() -> None:
    model = Model("3", (), 0.99, "recipe", "int8", Limits(1, 1, 1, 1))
    assert view_model.status(Connecting("a:1")).text == "Connecting to a:1 …"
    assert view_model.status(Connected("a:1", model)) == view_model.Status(
        "Connected to a:1", Tone.GOOD
    )
    assert view_model.status(Connected("a:1", model, is_private=True)).text == (
        "Connected to a server of this window"
    )
    assert view_model.status(StartingServer("a:1")).text == (
        "No server is running at a:1: starting one for this window …"
    )
    assert view_model.status(StartingServer()).text == "Starting a server for this window …"
    assert view_model.status(Connecting("a:1")).tone is Tone.UNSURE
    lost = view_model.status(Disconnected("No server is listening at a:1.", 3.2))
    assert lost == view_model.Status("No server is listening at a:1. Retrying in 3 s.", Tone.BAD)


@pytest.mark.parametrize(
    ("seconds", "retry"),
    [(0.2, "Retrying …"), (0.99, "Retrying in 1 s."), (1.4, "Retrying in 1 s.")],
)
def test_a_wait_of_less_than_half_a_second_is_shown_without_a_number(
    seconds: float, retry: str
) -> None:
    assert view_model.status(Disconnected("Lost.", seconds)).text == f"Lost. {retry}"


@pytest.mark.parametrize(
    ("reason", "caption"),
    [
        (None, "not a digit"),
        (Reason.NO_DIGIT, "not a digit"),
        (Reason.TOO_SMALL, "too small to read"),
        (Reason.TOO_FAINT, "too faint to read"),
    ],
)
def test_ink_that_is_not_read_has_a_caption_and_empty_bars(
    reason: Reason | None, caption: str
) -> None:
    view = view_model.prediction_view(
        Prediction(Verdict.NOT_A_DIGIT, None, 0.0, (), "3", reason=reason)
    )
    assert (view.headline, view.caption) == ("?", caption)
    assert view.bars == NO_BARS


def test_further_pages_are_told_in_a_sentence() -> None:
    assert view_model.unread_pages(1) == "1 further page was not read."
    assert view_model.unread_pages(2) == "2 further pages were not read."


SURE, UNSURE = probabilities(d2=0.99, d7=0.01), probabilities(d6=0.7, d0=0.3)
NUMBER = Number(
    "26",
    0.69,
    (Prediction(Verdict.DIGIT, 2, 0.99, SURE, "3"), Prediction(Verdict.DIGIT, 6, 0.7, UNSURE, "3")),
    None,
)


def test_a_number_is_shown_with_the_bars_of_its_least_sure_digit() -> None:
    place = view_model.place_shown(NUMBER, None)
    view = view_model.number_view(NUMBER, place, reads_numbers=True)
    assert (view.headline, view.caption, view.tone) == ("26", "69.0% sure", Tone.UNSURE)
    assert (view.bars, view.place) == ((*UNSURE, 0.0), "digit 2 of 2: 6")


def test_a_digit_that_is_pointed_at_shows_its_bars() -> None:
    assert view_model.place_shown(NUMBER, 0) == 0
    assert view_model.place_shown(NUMBER, 7) == 1  # of a number that was longer
    view = view_model.number_view(NUMBER, 0, reads_numbers=True)
    assert (view.bars, view.place) == ((*SURE, 0.0), "digit 1 of 2: 2")


def test_without_numbers_several_digits_are_no_digit() -> None:
    view = view_model.number_view(NUMBER, 0, reads_numbers=False)
    assert (view.headline, view.caption, view.tone) == ("?", "several digits", Tone.UNSURE)


@pytest.mark.parametrize("reads_numbers", [False, True])
def test_a_number_of_one_digit_is_shown_as_a_digit(reads_numbers: bool) -> None:
    digit = NUMBER.digits[1]
    one = Number("6", 0.7, (digit,), None)
    view = view_model.number_view(one, 0, reads_numbers=reads_numbers)
    assert view == view_model.prediction_view(digit)


def test_a_place_that_is_no_digit_has_empty_bars() -> None:
    unread = Number(
        "2?", 0.5, (NUMBER.digits[0], Prediction(Verdict.NOT_A_DIGIT, None, 0, (), "3")), None
    )
    assert view_model.number_view(unread, 1, reads_numbers=True).bars == NO_BARS


@pytest.mark.parametrize(
    ("text", "saved", "notice"),
    [
        ("7", [0], "Saved as a correction: the drawing shows a 7."),
        ("8", [0], "Saved as a correction: the drawing shows an 8."),
        ("8", [], "The drawing was read as an 8: there is nothing to correct."),
        ("not a digit", [0], "Saved as a correction: the drawing is not a digit."),
        ("26", [], "The drawing was read as 26: there is nothing to correct."),
        ("2026", [1, 3], "Saved as corrections: digit 2 is a 0, digit 4 is a 6."),
    ],
)
def test_a_notice_says_what_was_saved(text: str, saved: list[int], notice: str) -> None:
    assert view_model.saved_notice(text, saved) == notice
