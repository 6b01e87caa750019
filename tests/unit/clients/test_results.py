"""What a server answers, as plain values."""

import numpy as np
import pytest
from google.rpc import status_pb2

from digits.v1 import recognizer_pb2 as pb
from digits_client import InvalidImageError, Prediction, ServerFailureError, Verdict
from digits_client import results as subject


def test_a_digit_comes_with_all_that_was_answered() -> None:
    shares = [0.0] * 7 + [1.0] + [0.0] * 2
    answered = subject.prediction(
        pb.Prediction(
            verdict=pb.VERDICT_DIGIT,
            digit=7,
            confidence=1.0,
            probabilities=shares,
            model_version="12",
        )
    )
    assert answered == Prediction(Verdict.DIGIT, 7, 1.0, tuple(shares), "12", None)


def test_the_digit_0_is_a_digit() -> None:
    answered = subject.prediction(pb.Prediction(verdict=pb.VERDICT_DIGIT, digit=0))
    assert answered.digit == 0


@pytest.mark.parametrize(
    ("sent", "verdict"),
    [(pb.VERDICT_BLANK, Verdict.BLANK), (pb.VERDICT_NOT_A_DIGIT, Verdict.NOT_A_DIGIT)],
)
def test_what_is_no_digit_has_none(sent: pb.Verdict, verdict: Verdict) -> None:
    answered = subject.prediction(pb.Prediction(verdict=sent))
    assert answered.verdict is verdict
    assert answered.digit is None


@pytest.mark.parametrize("verdict", [0, 99])
def test_a_verdict_that_is_unknown_here_is_a_failure_of_the_server(verdict: int) -> None:
    message = pb.Prediction.FromString(bytes([8, verdict]))  # as a newer server would write it
    with pytest.raises(ServerFailureError, match=f"unknown here: {verdict}$"):
        subject.prediction(message)


def test_a_frame_has_28_rows_of_28_pixels_from_the_top_left() -> None:
    content = bytes(range(28)) * 28
    answered = subject.prediction(pb.Prediction(verdict=pb.VERDICT_DIGIT, frame=content))
    assert answered.frame is not None
    assert answered.frame.shape == (28, 28)
    assert answered.frame.dtype == np.uint8
    assert answered.frame[0].tolist() == list(range(28))


def test_a_result_of_a_batch_is_a_prediction_or_an_error() -> None:
    predicted = pb.RecognizeResult(predictions=[pb.Prediction(verdict=pb.VERDICT_BLANK)])
    failed = pb.RecognizeResult(error=status_pb2.Status(code=3, message="is truncated"))
    assert isinstance(subject.result(predicted), Prediction)
    assert isinstance(subject.result(failed), InvalidImageError)


def test_an_answer_of_a_stream_is_exactly_one_of_three() -> None:
    predicted = subject.stream_result(
        pb.StreamingRecognizeResponse(
            sequence=1, predictions=[pb.Prediction(verdict=pb.VERDICT_BLANK)]
        )
    )
    failed = subject.stream_result(
        pb.StreamingRecognizeResponse(sequence=2, error=status_pb2.Status(code=3))
    )
    overtaken = subject.stream_result(pb.StreamingRecognizeResponse(sequence=3, superseded=True))
    for sequence, answer in enumerate((predicted, failed, overtaken), start=1):
        assert answer.sequence == sequence
        given = (answer.prediction is not None, answer.error is not None, answer.superseded)
        assert sum(given) == 1, answer


def test_a_model_comes_with_the_limits_of_its_server() -> None:
    answered = subject.model(
        pb.GetModelResponse(
            model=pb.Model(
                version="3", labels=["0", "1"], mnist_test_accuracy=0.5, frame_recipe="recipe/1"
            ),
            limits=pb.Limits(
                max_image_bytes=1, max_image_pixels=2, max_batch_images=3, max_message_bytes=4
            ),
        )
    )
    assert answered == subject.Model("3", ("0", "1"), 0.5, "recipe/1", subject.Limits(1, 2, 3, 4))
