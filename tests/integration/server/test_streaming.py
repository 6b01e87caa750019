import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest

from digits.v1 import recognizer_pb2 as pb

ImageOf = Callable[[int], pb.Image]


def request(sequence: int, image: pb.Image) -> pb.StreamingRecognizeRequest:
    return pb.StreamingRecognizeRequest(sequence=sequence, image=image)


async def test_each_request_is_answered_by_its_sequence(
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


async def test_a_bad_image_is_an_error_in_its_response_and_the_stream_goes_on(
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


async def test_a_request_that_newer_ones_overtake_is_answered_as_superseded(
    running_server: Any, image_of: ImageOf
) -> None:
    running_server.engine.free.clear()
    call = running_server.stub.StreamingRecognize()
    await call.write(request(1, image_of(1)))
    # The model has begun with the first, so that all the others wait behind it.
    await asyncio.to_thread(running_server.engine.entered.acquire)
    for sequence in (2, 3, 4):
        await call.write(request(sequence, image_of(sequence)))
    await call.done_writing()
    # All three have been read when a call behind them on the connection is answered.
    await running_server.stub.GetModel(pb.GetModelRequest())
    running_server.engine.free.set()
    answers = [answer async for answer in call]
    assert [answer.sequence for answer in answers] == [1, 2, 3, 4]
    assert [answer.superseded for answer in answers] == [False, True, True, False]
    assert answers[-1].predictions[0].digit == 4
    assert running_server.engine.calls == [1, 1]


async def test_a_sequence_that_does_not_grow_is_an_error_in_its_response(
    running_server: Any, image_of: ImageOf
) -> None:
    call = running_server.stub.StreamingRecognize()
    await call.write(request(5, image_of(1)))
    await call.read()
    await call.write(request(5, image_of(1)))
    assert (await call.read()).error.message.startswith("sequence is 5")
    await call.done_writing()


async def test_a_sequence_is_measured_by_those_it_overtook_too(
    running_server: Any, image_of: ImageOf
) -> None:
    running_server.engine.free.clear()
    call = running_server.stub.StreamingRecognize()
    await call.write(request(1, image_of(1)))
    await asyncio.to_thread(running_server.engine.entered.acquire)
    for sequence in (5, 3):
        await call.write(request(sequence, image_of(sequence)))
    await call.done_writing()
    await running_server.stub.GetModel(pb.GetModelRequest())
    running_server.engine.free.set()
    _, overtaken, last = [answer async for answer in call]
    assert (overtaken.sequence, overtaken.superseded) == (5, True)
    assert (last.sequence, last.error.message) == (3, "sequence is 3; it must be greater than 5")


async def test_a_stream_without_requests_ends_well(running_server: Any) -> None:
    call = running_server.stub.StreamingRecognize()
    await call.done_writing()
    assert [answer async for answer in call] == []
    assert (await call.code()).name == "OK"


async def test_a_caller_who_closes_early_still_gets_the_answers(
    running_server: Any, image_of: ImageOf
) -> None:
    async def one() -> AsyncIterator[pb.StreamingRecognizeRequest]:
        yield request(1, image_of(6))

    answers = [answer async for answer in running_server.stub.StreamingRecognize(one())]
    assert [answer.predictions[0].digit for answer in answers] == [6]


async def test_a_caller_who_vanishes_mid_stream_leaves_the_server_well(
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
