"""One image has one figure, wherever it is shown: the share of the whole."""

import re

import pytest

from digits.v1 import recognizer_pb2 as pb
from digits_client.batch.rows import Row
from digits_client.draw import view_model
from digits_client.draw.history import EarlierResult
from digits_client.responses import to_number, to_prediction
from digits_client.results import Number, Prediction, Verdict

FIGURE = "69.7%"


@pytest.fixture
def message() -> pb.Prediction:
    """A 4 by 99.6 % of what is a digit, which is a digit by 70 %."""
    probabilities = [0.0] * 4 + [0.996, 0.004] + [0.0] * 4
    return pb.Prediction(
        verdict=pb.VERDICT_DIGIT,
        digit=4,
        confidence=0.996,
        probabilities=probabilities,
        not_a_digit=0.3,
    )


def test_window_notebook_and_tables_show_the_same_figure(message: pb.Prediction) -> None:
    prediction = to_prediction(message)
    number = to_number(
        pb.RecognizeResponse(
            predictions=[message], numbers=[pb.Number(text="4", confidence=message.confidence)]
        )
    )
    shown = [
        view_model.prediction_view(prediction).caption,
        view_model.number_view(number, 0, reads_numbers=True).caption,
        EarlierResult(None, number, None).texts[1],  # type: ignore[arg-type]  # not looked at
        prediction._repr_html_(),
        number._repr_html_(),
    ]
    assert [re.findall(r"\d+\.\d%(?= sure|$)", text)[0] for text in shown] == [FIGURE] * 5
    row = Row.of("4.png", pb.RecognizeResult(predictions=[message]))
    assert (row.confidence, row.not_a_digit) == (0.996, 0.3)  # as from the server
    assert row.share == pytest.approx(prediction.share, abs=1e-4)
    assert not row.is_sure(0.8)


def test_a_row_of_a_number_has_the_figure_of_its_only_digit(message: pb.Prediction) -> None:
    numbers = [pb.Number(text="4", confidence=0.996)]
    row = Row.of_number("4.png", pb.RecognizeResult(predictions=[message], numbers=numbers))
    assert row.share == pytest.approx(0.6972)
    numbers = [pb.Number(text="44", confidence=0.9)]
    both = pb.RecognizeResult(predictions=[message, message], numbers=numbers)
    assert Row.of_number("44.png", both).share == 0.9  # that of all of the text


def test_the_shares_sum_to_1_and_the_largest_is_that_of_the_verdict(message: pb.Prediction) -> None:
    shares = to_prediction(message).shares
    assert sum(shares) == pytest.approx(1)
    assert max(shares) == shares[4] == to_prediction(message).share
    message.verdict, message.not_a_digit = pb.VERDICT_NOT_A_DIGIT, 0.6
    shares = to_prediction(message).shares
    assert max(shares) == shares[10]


def test_a_server_that_does_not_report_the_rest_has_no_shares_of_what_is_not_a_digit() -> None:
    probabilities = (0.6, 0.4, *(0.0,) * 8)
    rejected = Prediction(Verdict.NOT_A_DIGIT, None, 0.6, probabilities, "3")
    assert rejected.shares == ()
    accepted = Prediction(Verdict.DIGIT, 0, 0.6, probabilities, "3")
    assert (accepted.share, accepted.shares) == (0.6, (*probabilities, 0.0))


def test_a_number_that_is_more_likely_wrong_than_right_is_not_called_sure() -> None:
    digit = Prediction(Verdict.DIGIT, 8, 0.7, (0.3, *(0.0,) * 7, 0.7, 0.0), "3")
    view = view_model.number_view(Number("88", 0.34, (digit, digit), None), 0, reads_numbers=True)
    assert (view.caption, view.tone) == ("not sure: 34.0%", view_model.Tone.UNSURE)
