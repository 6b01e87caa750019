"""The request id, which a caller and the log share."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from digits.v1 import recognizer_pb2 as pb

ImageOf = Callable[[int], pb.Image]


async def id_of(call: Any) -> str:
    """Return the id in a call's trailing metadata."""
    trailers = await call.trailing_metadata()
    [found] = [value for key, value in trailers if key == "x-request-id"]
    return str(found)


async def test_calls_without_an_id_get_different_ones(running_server: Any) -> None:
    ids = set()
    for _ in range(5):
        call = running_server.stub.GetModel(pb.GetModelRequest())
        await call
        ids.add(await id_of(call))
    assert len(ids) == 5


@pytest.mark.parametrize("hostile", ["x" * 129, "id; rm", 'id" level="ERROR', "<id>", "%n%s"])
async def test_an_id_that_could_corrupt_a_log_is_replaced(
    running_server: Any, hostile: str
) -> None:
    call = running_server.stub.GetModel(pb.GetModelRequest(), metadata=(("x-request-id", hostile),))
    await call
    returned = await id_of(call)
    assert returned != hostile
    assert returned.isalnum()


async def test_a_failed_call_returns_its_id_too(running_server: Any) -> None:
    call = running_server.stub.Recognize(
        pb.RecognizeRequest(), metadata=(("x-request-id", "mine-19"),)
    )
    with pytest.raises(grpc.aio.AioRpcError):
        await call
    assert await id_of(call) == "mine-19"


async def test_a_stream_returns_its_id(running_server: Any, image_of: ImageOf) -> None:
    call = running_server.stub.StreamingRecognize(metadata=(("x-request-id", "mine-20"),))
    await call.write(pb.StreamingRecognizeRequest(sequence=1, image=image_of(2)))
    await call.done_writing()
    assert len([response async for response in call]) == 1
    assert await id_of(call) == "mine-20"
