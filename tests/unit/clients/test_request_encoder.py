"""Encoding the images of a call, and keeping the errors of those that cannot be sent."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from google.rpc import status_pb2

from digits.v1 import recognizer_pb2 as pb
from digits_client import InvalidImageError, Prediction
from digits_client.images import ImageLike
from digits_client.request_encoder import RequestEncoder

UNSET_ERROR = status_pb2.Status(code=3, message="image is unset")
PREDICTION = pb.Prediction(verdict=pb.VERDICT_DIGIT, digit=4)


def test_an_image_that_cannot_be_read_is_sent_as_an_unset_one() -> None:
    encoder = RequestEncoder(include_frame=False)
    assert encoder.message(b"first") == pb.Image(encoded=b"first")
    assert encoder.message("missing.png") == pb.Image()
    assert encoder.message(b"third") == pb.Image(encoded=b"third")


def test_the_local_error_of_an_image_replaces_the_error_of_the_server() -> None:
    encoder = RequestEncoder(include_frame=False)
    for image in (b"first", "missing.png", b"third"):
        encoder.message(image)
    messages = [
        pb.RecognizeResult(predictions=[PREDICTION]),
        pb.RecognizeResult(error=UNSET_ERROR),
        pb.RecognizeResult(error=status_pb2.Status(code=3, message="is truncated")),
    ]
    first, second, third = encoder.results(messages)
    assert isinstance(first, Prediction)
    assert isinstance(second, InvalidImageError)
    assert str(second) == "missing.png cannot be read: No such file or directory"
    assert isinstance(third, InvalidImageError)
    assert str(third) == "is truncated"


def test_the_error_of_an_image_that_is_a_file_has_its_name(tmp_path: Path) -> None:
    file = tmp_path / "image.png"
    file.write_bytes(b"content")
    error = status_pb2.Status(code=3, message="is truncated")
    encoder = RequestEncoder(include_frame=False)
    encoder.message(file)
    [result] = encoder.results([pb.RecognizeResult(error=error)])
    assert str(result) == f"{file}: is truncated"
    streamed = encoder.stream_result(pb.StreamingRecognizeResponse(error=error))
    assert str(streamed.error) == f"{file}: is truncated"


def test_requests_of_a_stream_are_numbered_from_0_and_all_request_frames() -> None:
    encoder = RequestEncoder(include_frame=True)
    requests = list(encoder.stream_requests([b"a", "missing.png", b"c"]))
    assert [request.sequence for request in requests] == [0, 1, 2]
    assert all(request.include_frame for request in requests)
    assert not requests[1].HasField("image") or requests[1].image == pb.Image()


def test_the_result_of_an_unreadable_image_in_a_stream_is_its_local_error() -> None:
    encoder = RequestEncoder(include_frame=False)
    list(encoder.stream_requests([b"a", "missing.png"]))
    result = encoder.stream_result(pb.StreamingRecognizeResponse(sequence=1, error=UNSET_ERROR))
    assert result.sequence == 1
    assert result.prediction is None
    assert str(result.error) == "missing.png cannot be read: No such file or directory"


def test_an_error_of_an_iterator_ends_the_requests_and_is_raised_afterwards() -> None:
    def images() -> Iterator[ImageLike]:
        yield b"a"
        raise KeyError("the camera is gone")

    encoder = RequestEncoder(include_frame=False)
    assert len(list(encoder.stream_requests(images()))) == 1
    with pytest.raises(KeyError, match="the camera is gone"):
        encoder.raise_failure()


async def test_an_error_of_an_async_iterator_ends_the_requests_and_is_raised_afterwards() -> None:
    async def images() -> AsyncIterator[ImageLike]:
        yield b"a"
        raise KeyError("the camera is gone")

    encoder = RequestEncoder(include_frame=False)
    assert len([request async for request in encoder.async_stream_requests(images())]) == 1
    with pytest.raises(KeyError, match="the camera is gone"):
        encoder.raise_failure()


def test_nothing_is_raised_if_the_iterator_did_not_fail() -> None:
    encoder = RequestEncoder(include_frame=False)
    list(encoder.stream_requests([b"a"]))
    encoder.raise_failure()
