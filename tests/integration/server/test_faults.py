import asyncio
import logging
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from digits.v1 import recognizer_pb2 as pb

ImageOf = Callable[[int], pb.Image]


async def test_a_fault_is_internal_without_its_text_and_is_logged_under_the_request_id(
    running_server: Any, image_of: ImageOf, caplog: pytest.LogCaptureFixture
) -> None:
    running_server.engine.error = RuntimeError("the secret of the house")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await running_server.stub.Recognize(
            pb.RecognizeRequest(image=image_of(1)), metadata=(("x-request-id", "mine-17"),)
        )
    assert caught.value.code() == grpc.StatusCode.INTERNAL
    assert "secret" not in (caught.value.details() or "")
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "mine-17" in record.getMessage()
    assert "secret" in caplog.text
    running_server.engine.error = None
    response = await running_server.stub.Recognize(pb.RecognizeRequest(image=image_of(1)))
    assert response.predictions[0].digit == 1


@pytest.mark.parametrize(("sent", "kept"), [("abc-1:2/3", True), ("two words", False), ("", False)])
async def test_a_request_id_is_returned_or_made(
    running_server: Any, image_of: ImageOf, sent: str, kept: bool
) -> None:
    call = running_server.stub.Recognize(
        pb.RecognizeRequest(image=image_of(1)), metadata=(("x-request-id", sent),)
    )
    await call
    returned = dict(await call.trailing_metadata())["x-request-id"]
    assert (returned == sent) is kept
    assert len(returned) >= 9


async def test_a_full_queue_turns_away_at_once_and_says_when_to_try_again(
    run_server: Any, image_of: ImageOf
) -> None:
    async with run_server(max_queue_images=2) as started:
        started.engine.free.clear()
        working = started.stub.Recognize(pb.RecognizeRequest(image=image_of(1)))
        await asyncio.to_thread(started.engine.entered.acquire)
        batch = pb.RecognizeBatchRequest(images=[image_of(2)] * 2)
        waiting = started.stub.RecognizeBatch(batch)
        while True:  # until the batch is in the queue
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await started.stub.RecognizeBatch(batch, timeout=5)
            if caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED:
                break
        trailers = dict(caught.value.trailing_metadata() or ())
        status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
        retry = error_details_pb2.RetryInfo()
        assert status.details[0].Unpack(retry)
        assert retry.retry_delay.ToMilliseconds() > 0
        started.engine.free.set()
        assert (await working).predictions[0].digit == 1
        assert len((await waiting).results) == 2


async def test_a_message_past_the_limit_is_refused(run_server: Any) -> None:
    async with run_server(max_message_bytes=2000) as started:
        image = pb.Image(encoded=b"x" * 4000)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await started.stub.Recognize(pb.RecognizeRequest(image=image))
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_work_whose_deadline_has_passed_never_reaches_the_model(
    running_server: Any, image_of: ImageOf, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "digits_server.interceptors")
    running_server.engine.free.clear()
    first = running_server.stub.Recognize(pb.RecognizeRequest(image=image_of(1)))
    await asyncio.to_thread(running_server.engine.entered.acquire)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await running_server.stub.Recognize(pb.RecognizeRequest(image=image_of(2)), timeout=0.1)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    while "Recognize CANCELLED" not in caplog.text:  # the server's clock is its own
        await running_server.stub.GetModel(pb.GetModelRequest())
    running_server.engine.free.set()
    assert (await first).predictions[0].digit == 1
    await running_server.stub.Recognize(pb.RecognizeRequest(image=image_of(3)))
    assert running_server.engine.calls == [1, 1]
