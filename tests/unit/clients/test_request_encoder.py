"""Numbering what is sent, and keeping the errors of what could not be."""

from collections.abc import AsyncIterator, Iterator

import pytest
from google.rpc import status_pb2

from digits.v1 import recognizer_pb2 as pb
from digits_client import InvalidImageError, Prediction
from digits_client.images import ImageLike
from digits_client.request_encoder import RequestEncoder

UNSET = status_pb2.Status(code=3, message="image is unset")
ANSWERED = pb.Prediction(verdict=pb.VERDICT_DIGIT, digit=4)


def test_an_image_that_cannot_be_read_is_sent_as_an_unset_one() -> None:
    outbox = RequestEncoder(include_frame=False)
    assert outbox.message(b"first") == pb.Image(encoded=b"first")
    assert outbox.message("missing.png") == pb.Image()
    assert outbox.message(b"third") == pb.Image(encoded=b"third")


def test_the_own_error_of_an_image_takes_the_place_of_the_servers_answer() -> None:
    outbox = RequestEncoder(include_frame=False)
    for image in (b"first", "missing.png", b"third"):
        outbox.message(image)
    answered = [
        pb.RecognizeResult(predictions=[ANSWERED]),
        pb.RecognizeResult(error=UNSET),
        pb.RecognizeResult(error=status_pb2.Status(code=3, message="is truncated")),
    ]
    first, second, third = outbox.results(answered)
    assert isinstance(first, Prediction)
    assert isinstance(second, InvalidImageError)
    assert str(second) == "cannot be read: No such file or directory"
    assert isinstance(third, InvalidImageError)
    assert str(third) == "is truncated"


def test_requests_of_a_stream_are_numbered_from_0_and_ask_for_frames_alike() -> None:
    outbox = RequestEncoder(include_frame=True)
    requests = list(outbox.stream_requests([b"a", "missing.png", b"c"]))
    assert [request.sequence for request in requests] == [0, 1, 2]
    assert all(request.include_frame for request in requests)
    assert not requests[1].HasField("image") or requests[1].image == pb.Image()


def test_a_stream_answers_an_unreadable_image_with_its_own_error() -> None:
    outbox = RequestEncoder(include_frame=False)
    list(outbox.stream_requests([b"a", "missing.png"]))
    answer = outbox.stream_result(pb.StreamingRecognizeResponse(sequence=1, error=UNSET))
    assert answer.sequence == 1
    assert answer.prediction is None
    assert str(answer.error) == "cannot be read: No such file or directory"


def test_an_error_of_the_callers_images_ends_the_requests_and_is_raised_afterwards() -> None:
    def images() -> Iterator[ImageLike]:
        yield b"a"
        raise KeyError("the camera is gone")

    outbox = RequestEncoder(include_frame=False)
    assert len(list(outbox.stream_requests(images()))) == 1
    with pytest.raises(KeyError, match="the camera is gone"):
        outbox.raise_failure()


async def test_so_it_is_for_asyncio() -> None:
    async def images() -> AsyncIterator[ImageLike]:
        yield b"a"
        raise KeyError("the camera is gone")

    outbox = RequestEncoder(include_frame=False)
    assert len([request async for request in outbox.async_stream_requests(images())]) == 1
    with pytest.raises(KeyError, match="the camera is gone"):
        outbox.raise_failure()


def test_nothing_is_raised_when_nothing_went_wrong() -> None:
    outbox = RequestEncoder(include_frame=False)
    list(outbox.stream_requests([b"a"]))
    outbox.raise_failure()
