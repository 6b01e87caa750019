"""Faults and limits: internal errors, rejected calls and expired deadlines."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from digits.v1 import recognizer_pb2 as pb

ImageOf = Callable[[int], pb.Image]


async def test_an_exception_is_internal_without_its_text_and_is_logged_under_the_request_id(
    running_server: Any, image_of: ImageOf, caplog: pytest.LogCaptureFixture
) -> None:
    running_server.engine.error = RuntimeError("the secret")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await running_server.stub.Recognize(
            pb.RecognizeRequest(image=image_of(1)), metadata=(("x-request-id", "mine-17"),)
        )
    assert caught.value.code() == grpc.StatusCode.INTERNAL
    assert "secret" not in (caught.value.details() or "")
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.__dict__["request_id"] == "mine-17"
    assert "secret" in caplog.text
    running_server.engine.error = None
    response = await running_server.stub.Recognize(pb.RecognizeRequest(image=image_of(1)))
    assert response.predictions[0].digit == 1


@pytest.mark.parametrize(("sent", "kept"), [("abc-1:2/3", True), ("two words", False), ("", False)])
async def test_a_request_id_is_returned_or_generated(
    running_server: Any, image_of: ImageOf, sent: str, kept: bool
) -> None:
    call = running_server.stub.Recognize(
        pb.RecognizeRequest(image=image_of(1)), metadata=(("x-request-id", sent),)
    )
    await call
    returned = dict(await call.trailing_metadata())["x-request-id"]
    assert (returned == sent) is kept
    assert len(returned) >= 9


async def images_in_flight(started: Any) -> float:
    await started.stub.GetModel(pb.GetModelRequest())  # let the server's event loop run
    return float(started.count("digits_images_in_hand"))


async def test_a_full_server_rejects_calls_at_once_and_states_when_to_retry(
    run_server: Any, image_of: ImageOf
) -> None:
    async with run_server(max_queue_images=3) as started:
        started.engine.free.clear()
        batch = pb.RecognizeBatchRequest(images=[image_of(2)] * 2)
        waiting = started.stub.RecognizeBatch(batch)
        await asyncio.to_thread(started.engine.entered.acquire)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await started.stub.RecognizeBatch(batch, timeout=5)
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "2 images are in flight; the limit is 3" in (caught.value.details() or "")
        trailers = dict(caught.value.trailing_metadata() or ())
        assert int(trailers["grpc-retry-pushback-ms"]) > 0
        working = started.stub.Recognize(pb.RecognizeRequest(image=image_of(1)))
        while await images_in_flight(started) < 3:
            pass
        # Full: the call is rejected before its message is read, even an invalid one.
        recognize = started.channel.unary_unary("/digits.v1.RecognizerService/Recognize")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await recognize(b"\xff not a message", timeout=5)
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (await started.stub.GetModel(pb.GetModelRequest())).model.version == "7"
        status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
        retry = error_details_pb2.RetryInfo()
        assert status.details[0].Unpack(retry)
        assert retry.retry_delay.ToMilliseconds() > 0
        started.engine.free.set()
        assert (await working).predictions[0].digit == 1
        assert len((await waiting).results) == 2


async def test_a_message_above_the_limit_is_rejected(run_server: Any) -> None:
    async with run_server(max_message_bytes=2000) as started:
        image = pb.Image(encoded=b"x" * 4000)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await started.stub.Recognize(pb.RecognizeRequest(image=image))
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_work_whose_deadline_has_passed_never_reaches_the_model(
    running_server: Any, image_of: ImageOf
) -> None:
    def count_of_ended() -> Any:
        # The client's cancellation may arrive before the server's own deadline.
        method = "digits.v1.RecognizerService/Recognize"
        return sum(
            running_server.count("digits_calls_total", method=method, code=code)
            for code in ("DEADLINE_EXCEEDED", "CANCELLED")
        )

    def count_of_dropped() -> Any:
        return sum(
            running_server.count("digits_dropped_images_total", reason=reason)
            for reason in ("expired", "cancelled")
        )

    running_server.engine.free.clear()
    first = running_server.stub.Recognize(pb.RecognizeRequest(image=image_of(1)))
    await asyncio.to_thread(running_server.engine.entered.acquire)
    for timeout in (0.1, 1, 10):  # long enough to be admitted, however busy the machine is
        request = pb.RecognizeRequest(image=image_of(2))
        second = running_server.stub.Recognize(request, timeout=timeout)
        is_admitted = False
        while not is_admitted and not second.done():
            is_admitted = await images_in_flight(running_server) == 2
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await second
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        if is_admitted:
            break
    while not count_of_ended():
        await running_server.stub.GetModel(pb.GetModelRequest())
    running_server.engine.free.set()
    assert (await first).predictions[0].digit == 1
    await running_server.stub.Recognize(pb.RecognizeRequest(image=image_of(3)))
    assert running_server.engine.calls == [1, 1]
    assert count_of_dropped() >= 1
