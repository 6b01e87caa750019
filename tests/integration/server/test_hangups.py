"""Callers that leave in the middle, and faults in a stream: the server is none the worse."""

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
async def unhandled() -> AsyncIterator[list[dict[str, Any]]]:
    """Whatever the event loop finds that nobody awaited; the test fails if it is anything."""
    found: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: found.append(context))
    yield found
    gc.collect()
    assert not found


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "digits_server.api.interceptors")
    return caplog


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> asyncio.Semaphore:
    """Released once for each call that has joined the queue of the model."""
    joined = asyncio.Semaphore(0)
    predict = Batcher.predict

    async def counted(*args: Any) -> Any:
        joined.release()
        return await predict(*args)  # joins before it waits for anything

    monkeypatch.setattr(Batcher, "predict", counted)
    return joined


def request(sequence: int, image: pb.Image) -> pb.StreamingRecognizeRequest:
    return pb.StreamingRecognizeRequest(sequence=sequence, image=image)


async def until_logged(started: Any, log: pytest.LogCaptureFixture, text: str) -> None:
    while not any(record.__dict__.get("code") == text for record in log.records):
        await started.stub.GetModel(pb.GetModelRequest())


async def until_the_stream_has_ended(
    started: Any, log: pytest.LogCaptureFixture, transport: str
) -> None:
    # The native transport may tell of the end of the requests before it tells of the leaving.
    codes = {"CANCELLED", "OK"} if transport == "native" else {"CANCELLED"}
    while not any(
        record.__dict__.get("code") in codes and "Streaming" in record.__dict__["method"]
        for record in log.records
    ):
        await started.stub.GetModel(pb.GetModelRequest())


async def until_no_reader_is_left(started: Any) -> None:
    while readers():
        await started.stub.GetModel(pb.GetModelRequest())


def readers() -> list["asyncio.Task[Any]"]:
    """Return the tasks that read streams ahead."""
    return [task for task in asyncio.all_tasks() if "latest_requests" in repr(task.get_coro())]


async def test_a_caller_whose_connection_closes_mid_stream_is_forgotten(
    running_server: Any, image_of: ImageOf, log: pytest.LogCaptureFixture, transport: str
) -> None:
    running_server.engine.free.clear()
    async with grpc.aio.insecure_channel(running_server.server.address) as channel:
        call = pb_grpc.RecognizerServiceStub(channel).StreamingRecognize()
        await call.write(request(1, image_of(1)))
        await asyncio.to_thread(running_server.engine.entered.acquire)
        assert len(readers()) == 1
    await until_the_stream_has_ended(running_server, log, transport)
    running_server.engine.free.set()
    response = await running_server.stub.Recognize(pb.RecognizeRequest(image=image_of(2)))
    assert response.predictions[0].digit == 2
    await until_no_reader_is_left(running_server)


async def test_a_caller_who_leaves_between_two_requests_is_forgotten(
    running_server: Any, image_of: ImageOf, log: pytest.LogCaptureFixture, transport: str
) -> None:
    call = running_server.stub.StreamingRecognize()
    await call.write(request(1, image_of(1)))
    await call.read()
    assert len(readers()) == 1
    call.cancel()
    await until_the_stream_has_ended(running_server, log, transport)
    await until_no_reader_is_left(running_server)


async def test_a_cancelled_call_never_reaches_the_model_and_leaves_the_others_alone(
    running_server: Any,
    image_of: ImageOf,
    log: pytest.LogCaptureFixture,
    asked: asyncio.Semaphore,
) -> None:
    running_server.engine.free.clear()
    first = running_server.stub.Recognize(pb.RecognizeRequest(image=image_of(1)))
    await asyncio.to_thread(running_server.engine.entered.acquire)
    calls = [
        running_server.stub.Recognize(pb.RecognizeRequest(image=image_of(digit)))
        for digit in (2, 3, 4)
    ]
    for _ in (first, *calls):
        await asked.acquire()
    calls[1].cancel()
    await until_logged(running_server, log, "CANCELLED")
    running_server.engine.free.set()
    answers = [await call for call in (first, calls[0], calls[2])]
    assert [answer.predictions[0].digit for answer in answers] == [1, 2, 4]
    assert sum(running_server.engine.calls) == 3


async def test_a_fault_ends_a_stream_as_internal_without_its_text(
    running_server: Any, image_of: ImageOf
) -> None:
    running_server.engine.error = RuntimeError("the secret of the house")
    call = running_server.stub.StreamingRecognize(metadata=(("x-request-id", "mine-18"),))
    await call.write(request(1, image_of(1)))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() == grpc.StatusCode.INTERNAL
    assert "secret" not in str(caught.value)
    assert dict(await call.trailing_metadata())["x-request-id"] == "mine-18"
    await until_no_reader_is_left(running_server)


async def test_a_full_queue_is_an_error_in_its_response_and_the_stream_goes_on(
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
