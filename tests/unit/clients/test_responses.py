"""Responses of the server as plain values."""

import numpy as np
import pytest
from google.rpc import status_pb2

from digits.v1 import recognizer_pb2 as pb
from digits_client import (
    InvalidImageError,
    Prediction,
    Reason,
    ServerFailureError,
    Verdict,
    responses,
)
from digits_client.results import Limits, Model


def test_a_prediction_has_all_fields_of_the_message() -> None:
    probabilities = [0.0] * 7 + [1.0] + [0.0] * 2
    prediction = responses.to_prediction(
        pb.Prediction(
            verdict=pb.VERDICT_DIGIT,
            digit=7,
            confidence=1.0,
            probabilities=probabilities,
            model_version="12",
            reading="ink on even ground",
            unread_pages=2,
        )
    )
    assert prediction == Prediction(
        *(Verdict.DIGIT, 7, 1.0, tuple(probabilities), "12"),
        frame=None,
        reason=None,
        reading="ink on even ground",
        unread_pages=2,
    )


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (pb.REASON_UNSPECIFIED, None),
        (pb.REASON_NO_DIGIT, Reason.NO_DIGIT),
        (pb.REASON_TOO_SMALL, Reason.TOO_SMALL),
        (pb.REASON_TOO_FAINT, Reason.TOO_FAINT),
        (pb.REASON_SEVERAL_DIGITS, Reason.SEVERAL_DIGITS),
        (99, None),
    ],
)
def test_a_reason_is_known_or_none(sent: pb.Reason, reason: Reason | None) -> None:
    # As a newer server would write it: protobuf's own setter rejects unknown values here.
    message = pb.Prediction.FromString(bytes([8, pb.VERDICT_NOT_A_DIGIT, 56, sent]))
    assert responses.to_prediction(message).reason is reason


def test_a_server_without_the_newer_fields_is_understood() -> None:
    prediction = responses.to_prediction(pb.Prediction(verdict=pb.VERDICT_NOT_A_DIGIT))
    assert (prediction.reason, prediction.reading, prediction.unread_pages) == (None, "", 0)


def test_the_digit_0_is_a_digit() -> None:
    prediction = responses.to_prediction(pb.Prediction(verdict=pb.VERDICT_DIGIT, digit=0))
    assert prediction.digit == 0


@pytest.mark.parametrize(
    ("sent", "verdict"),
    [(pb.VERDICT_BLANK, Verdict.BLANK), (pb.VERDICT_NOT_A_DIGIT, Verdict.NOT_A_DIGIT)],
)
def test_without_the_verdict_digit_there_is_no_digit(sent: pb.Verdict, verdict: Verdict) -> None:
    prediction = responses.to_prediction(pb.Prediction(verdict=sent))
    assert prediction.verdict is verdict
    assert prediction.digit is None


@pytest.mark.parametrize("verdict", [0, 99])
def test_an_unknown_verdict_is_a_server_failure(verdict: int) -> None:
    message = pb.Prediction.FromString(bytes([8, verdict]))  # as a newer server would write it
    with pytest.raises(ServerFailureError, match=f"unknown verdict: {verdict}$"):
        responses.to_prediction(message)


def test_a_frame_has_28_rows_of_28_pixels_from_the_top_left() -> None:
    content = bytes(range(28)) * 28
    prediction = responses.to_prediction(pb.Prediction(verdict=pb.VERDICT_DIGIT, frame=content))
    assert prediction.frame is not None
    assert prediction.frame.shape == (28, 28)
    assert prediction.frame.dtype == np.uint8
    assert prediction.frame[0].tolist() == list(range(28))


def test_a_result_of_a_batch_is_a_prediction_or_an_error() -> None:
    predicted = pb.RecognizeResult(predictions=[pb.Prediction(verdict=pb.VERDICT_BLANK)])
    failed = pb.RecognizeResult(error=status_pb2.Status(code=3, message="is truncated"))
    assert isinstance(responses.to_result(predicted), Prediction)
    assert isinstance(responses.to_result(failed), InvalidImageError)


def test_a_result_of_a_stream_has_exactly_one_of_three_outcomes() -> None:
    predicted = responses.to_stream_result(
        pb.StreamingRecognizeResponse(
            sequence=1, predictions=[pb.Prediction(verdict=pb.VERDICT_BLANK)]
        )
    )
    failed = responses.to_stream_result(
        pb.StreamingRecognizeResponse(sequence=2, error=status_pb2.Status(code=3))
    )
    superseded = responses.to_stream_result(
        pb.StreamingRecognizeResponse(sequence=3, superseded=True)
    )
    for sequence, result in enumerate((predicted, failed, superseded), start=1):
        assert result.sequence == sequence
        outcomes = (result.prediction is not None, result.error is not None, result.superseded)
        assert sum(outcomes) == 1, result


def test_a_model_has_the_limits_of_its_server() -> None:
    model = responses.to_model(
        pb.GetModelResponse(
            model=pb.Model(
                version="3",
                labels=["0", "1"],
                mnist_test_accuracy=0.5,
                frame_recipe="recipe/1",
                precision="int8",
            ),
            limits=pb.Limits(
                max_image_bytes=1, max_image_pixels=2, max_batch_images=3, max_message_bytes=4
            ),
        )
    )
    assert model == Model("3", ("0", "1"), 0.5, "recipe/1", "int8", Limits(1, 2, 3, 4))
    assert model.title == "3 int8"


def test_a_model_of_a_server_that_does_not_report_its_precision_has_a_title() -> None:
    model = responses.to_model(pb.GetModelResponse(model=pb.Model(version="3")))
    assert (model.precision, model.title) == ("", "3")


def number_response(*texts: str, digits: str = "", line: int = 0) -> pb.RecognizeResponse:
    """Return a response with numbers, and predictions of one line."""
    return pb.RecognizeResponse(
        numbers=[pb.Number(text=text, confidence=0.5) for text in texts],
        predictions=[
            pb.Prediction(verdict=pb.VERDICT_DIGIT, digit=int(digit), confidence=0.75, line=line)
            for digit in digits
        ],
    )


@pytest.mark.parametrize(
    "response",
    [
        number_response(),
        number_response("17", digits="1"),
        number_response("17", digits="178"),
        number_response("17", digits="17", line=1),
        number_response("17", "18", digits="17"),
        number_response("17"),
    ],
)
def test_numbers_without_their_digits_are_a_server_failure(response: pb.RecognizeResponse) -> None:
    with pytest.raises(ServerFailureError):
        responses.to_numbers(response)
    with pytest.raises(ServerFailureError):
        responses.to_number(response)


def test_two_numbers_for_one_line_are_a_server_failure() -> None:
    response = number_response("1", "2", digits="1")
    response.predictions.add(verdict=pb.VERDICT_DIGIT, digit=2, line=1)
    assert [number.text for number in responses.to_numbers(response)] == ["1", "2"]
    with pytest.raises(ServerFailureError, match="2 numbers for one line"):
        responses.to_number(response)


def test_a_server_that_does_not_read_numbers_reads_one_digit() -> None:
    number = responses.to_number(number_response(digits="7"))
    assert (number.text, number.confidence, len(number.digits), number.box) == ("7", 0.75, 1, None)


@pytest.mark.parametrize("word", [*Verdict, *Reason])
def test_verdicts_and_reasons_print_as_their_words(word: Verdict | Reason) -> None:
    assert str(word) == f"{word}" == word.value
    assert f"{word:>20}" == word.value.rjust(20)


def test_a_prediction_prints_as_one_line_without_its_arrays() -> None:
    message = pb.Prediction(
        verdict=pb.VERDICT_DIGIT,
        digit=7,
        confidence=0.99764,
        probabilities=[0.1] * 10,
        model_version="12",
        frame=bytes(784),
        box=pb.Box(left=1, top=2, width=3, height=4),
    )
    shown = (
        "Prediction(verdict=digit, digit=7, confidence=0.9976, model_version=12, box=(1, 2, 3, 4))"
    )
    assert repr(responses.to_prediction(message)) == shown
    assert str(responses.to_prediction(message)) == shown


def test_a_prediction_without_a_digit_prints_its_reason() -> None:
    message = pb.Prediction(
        verdict=pb.VERDICT_NOT_A_DIGIT,
        reason=pb.REASON_TOO_SMALL,
        model_version="12",
        unread_pages=3,
    )
    assert repr(responses.to_prediction(message)) == (
        "Prediction(verdict=not_a_digit, reason=too_small, confidence=0.0, model_version=12, "
        "unread_pages=3)"
    )


def test_a_number_prints_as_its_text_and_shows_one_line() -> None:
    number = responses.to_number(number_response("17", digits="17"))
    assert str(number) == "17"
    assert repr(number).startswith("Number(text='17', confidence=")
    assert "Prediction" not in repr(number)
