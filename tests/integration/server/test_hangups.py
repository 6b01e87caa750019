"""Callers that disconnect mid-call, and errors in a stream: the server recovers."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_server.inference.batcher import Batcher

ImageOf = Callable[[int], pb.Image]


@pytest.fixture(autouse=True)
async def unhandled() -> AsyncIterator[None]:
    """Collect exceptions that nobody handled; any of them fails the test."""
    found: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: found.append(context))
    yield
    gc.collect()
    assert not found


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "digits_server.api.call_wrapper")
    return caplog


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> asyncio.Semaphore:
    """Released once for each call that joins the model's queue."""
    queued = asyncio.Semaphore(0)
    predict = Batcher.predict

    async def counting_predict(*args: Any) -> Any:
        queued.release()
        return await predict(*args)  # joins the queue before its first await

    monkeypatch.setattr(Batcher, "predict", counting_predict)
    return queued


def request(sequence: int, image: pb.Image) -> pb.StreamingRecognizeRequest:
    return pb.StreamingRecognizeRequest(sequence=sequence, image=image)


async def until_logged(started: Any, log: pytest.LogCaptureFixture, code: str) -> None:
    while not any(record.__dict__.get("code") == code for record in log.records):
        await started.stub.GetModel(pb.GetModelRequest())


async def until_the_stream_has_ended(started: Any, log: pytest.LogCaptureFixture) -> None:
    # gRPC may report the end of the requests before the cancellation.
    codes = {"CANCELLED", "OK"}
    while not any(
        record.__dict__.get("code") in codes and "Streaming" in record.__dict__["method"]
        for record in log.records
    ):
        await started.stub.GetModel(pb.GetModelRequest())


async def until_no_reader_is_left(started: Any) -> None:
    while readers():
        await started.stub.GetModel(pb.GetModelRequest())


def readers() -> list["asyncio.Task[Any]"]:
    """Return the tasks that read ahead in streams."""
    return [task for task in asyncio.all_tasks() if "latest_requests" in repr(task.get_coro())]


async def test_closing_the_connection_mid_stream_ends_the_stream_and_its_reader(
    running_server: Any, image_of: ImageOf, log: pytest.LogCaptureFixture
) -> None:
    running_server.engine.free.clear()
    async with grpc.aio.insecure_channel(running_server.server.address) as channel:
        call = pb_grpc.RecognizerServiceStub(channel).StreamingRecognize()
        await call.write(request(1, image_of(1)))
        await asyncio.to_thread(running_server.engine.entered.acquire)
        assert len(readers()) == 1
    await until_the_stream_has_ended(running_server, log)
    running_server.engine.free.set()
    response = await running_server.stub.Recognize(pb.RecognizeRequest(image=image_of(2)))
    assert response.predictions[0].digit == 2
    await until_no_reader_is_left(running_server)


async def test_cancelling_between_two_requests_ends_the_stream_and_its_reader(
    running_server: Any, image_of: ImageOf, log: pytest.LogCaptureFixture
) -> None:
    call = running_server.stub.StreamingRecognize()
    await call.write(request(1, image_of(1)))
    await call.read()
    assert len(readers()) == 1
    call.cancel()
    await until_the_stream_has_ended(running_server, log)
    await until_no_reader_is_left(running_server)


async def test_a_cancelled_call_never_reaches_the_model_and_does_not_affect_others(
    running_server: Any,
    image_of: ImageOf,
    log: pytest.LogCaptureFixture,
    queued: asyncio.Semaphore,
) -> None:
    running_server.engine.free.clear()
    first = running_server.stub.Recognize(pb.RecognizeRequest(image=image_of(1)))
    await asyncio.to_thread(running_server.engine.entered.acquire)
    calls = [
        running_server.stub.Recognize(pb.RecognizeRequest(image=image_of(digit)))
        for digit in (2, 3, 4)
    ]
    for _ in (first, *calls):
        await queued.acquire()
    calls[1].cancel()
    await until_logged(running_server, log, "CANCELLED")
    running_server.engine.free.set()
    responses = [await call for call in (first, calls[0], calls[2])]
    assert [response.predictions[0].digit for response in responses] == [1, 2, 4]
    assert sum(running_server.engine.calls) == 3


async def test_an_exception_ends_a_stream_as_internal_without_its_text(
    running_server: Any, image_of: ImageOf
) -> None:
    running_server.engine.error = RuntimeError("the secret")
    call = running_server.stub.StreamingRecognize(metadata=(("x-request-id", "mine-18"),))
    await call.write(request(1, image_of(1)))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() == grpc.StatusCode.INTERNAL
    assert "secret" not in str(caught.value)
    assert dict(await call.trailing_metadata())["x-request-id"] == "mine-18"
    await until_no_reader_is_left(running_server)


async def test_a_full_server_is_an_error_in_the_response_and_the_stream_continues(
    run_server: Any, image_of: ImageOf
) -> None:
    async with run_server(max_queue_images=1) as started:
        started.engine.free.clear()
        working = started.stub.Recognize(pb.RecognizeRequest(image=image_of(1)))
        await asyncio.to_thread(started.engine.entered.acquire)
        calls = [started.stub.StreamingRecognize() for _ in range(2)]
        for call in calls:
            await call.write(request(1, image_of(2)))
            error = (await call.read()).error
            assert error.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
            assert "RetryInfo" in error.details[0].type_url
        started.engine.free.set()
        await working
        for call in calls:
            await call.write(request(2, image_of(3)))
            assert (await call.read()).predictions[0].digit == 3
            await call.done_writing()
