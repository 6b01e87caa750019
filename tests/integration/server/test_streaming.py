"""StreamingRecognize: responses, errors and superseded requests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest

from digits.v1 import recognizer_pb2 as pb
from digits_server.api.latest_request import latest_requests

ImageOf = Callable[[int], pb.Image]


def request(sequence: int, image: pb.Image) -> pb.StreamingRecognizeRequest:
    return pb.StreamingRecognizeRequest(sequence=sequence, image=image)


@pytest.fixture
def all_read(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """An event that is set when the server has read every request of a stream."""
    event = asyncio.Event()

    async def observed(
        requests: AsyncIterator[pb.StreamingRecognizeRequest],
    ) -> AsyncIterator[pb.StreamingRecognizeRequest]:
        async for request in requests:
            yield request
        event.set()

    monkeypatch.setattr(
        "digits_server.api.recognizer_servicer.latest_requests",
        lambda requests: latest_requests(observed(requests)),
    )
    return event


async def test_each_request_has_a_response_with_its_sequence(
    running_server: Any, image_of: ImageOf
) -> None:
    call = running_server.stub.StreamingRecognize()
    for sequence in (1, 5, 9):
        await call.write(request(sequence, image_of(sequence)))
        response = await call.read()
        assert response.sequence == sequence
        assert response.predictions[0].digit == sequence
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF


async def test_an_invalid_image_is_an_error_in_its_response_and_the_stream_continues(
    running_server: Any, image_of: ImageOf
) -> None:
    call = running_server.stub.StreamingRecognize()
    await call.write(request(1, pb.Image(encoded=b"no image")))
    response = await call.read()
    assert "image.encoded" in response.error.message
    assert not response.predictions
    await call.write(request(2, image_of(8)))
    assert (await call.read()).predictions[0].digit == 8
    await call.done_writing()


async def test_a_request_behind_newer_ones_is_superseded(
    running_server: Any, image_of: ImageOf, all_read: asyncio.Event
) -> None:
    running_server.engine.free.clear()
    call = running_server.stub.StreamingRecognize()
    await call.write(request(1, image_of(1)))
    # The model is busy with the first request, so the others queue behind it.
    await asyncio.to_thread(running_server.engine.entered.acquire)
    for sequence in (2, 3, 4):
        await call.write(request(sequence, image_of(sequence)))
    await call.done_writing()
    await all_read.wait()
    running_server.engine.free.set()
    responses = [response async for response in call]
    assert [response.sequence for response in responses] == [1, 2, 3, 4]
    assert [response.superseded for response in responses] == [False, True, True, False]
    assert responses[-1].predictions[0].digit == 4
    assert running_server.engine.calls == [1, 1]


async def test_a_sequence_that_does_not_increase_is_an_error_in_its_response(
    running_server: Any, image_of: ImageOf
) -> None:
    call = running_server.stub.StreamingRecognize()
    await call.write(request(5, image_of(1)))
    await call.read()
    await call.write(request(5, image_of(1)))
    assert (await call.read()).error.message.startswith("sequence is 5")
    await call.done_writing()


async def test_a_sequence_must_also_exceed_those_of_superseded_requests(
    running_server: Any, image_of: ImageOf, all_read: asyncio.Event
) -> None:
    running_server.engine.free.clear()
    call = running_server.stub.StreamingRecognize()
    await call.write(request(1, image_of(1)))
    await asyncio.to_thread(running_server.engine.entered.acquire)
    for sequence in (5, 3):
        await call.write(request(sequence, image_of(sequence)))
    await call.done_writing()
    await all_read.wait()
    running_server.engine.free.set()
    _, superseded, last = [response async for response in call]
    assert (superseded.sequence, superseded.superseded) == (5, True)
    assert (last.sequence, last.error.message) == (3, "sequence is 3; it must be greater than 5")


async def test_a_stream_without_requests_ends_with_ok(running_server: Any) -> None:
    call = running_server.stub.StreamingRecognize()
    await call.done_writing()
    assert [response async for response in call] == []
    assert (await call.code()).name == "OK"


async def test_a_caller_that_half_closes_still_gets_the_responses(
    running_server: Any, image_of: ImageOf
) -> None:
    async def requests() -> AsyncIterator[pb.StreamingRecognizeRequest]:
        yield request(1, image_of(6))

    call = running_server.stub.StreamingRecognize(requests())
    assert [response.predictions[0].digit async for response in call] == [6]


async def test_a_caller_that_cancels_mid_stream_does_not_affect_later_calls(
    running_server: Any, image_of: ImageOf
) -> None:
    running_server.engine.free.clear()
    call = running_server.stub.StreamingRecognize()
    await call.write(request(1, image_of(1)))
    await asyncio.to_thread(running_server.engine.entered.acquire)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call.read()
    running_server.engine.free.set()
    response = await running_server.stub.Recognize(pb.RecognizeRequest(image=image_of(2)))
    assert response.predictions[0].digit == 2
