"""Streams of asyncio that fail with the status that the server has sent.

If a server ends a call while grpc.aio is still sending a message, that write fails, and grpc.aio
replaces the status it has received with INTERNAL, "Internal error from Core" (grpcio 1.85,
grpc/grpc issue 36066).
"""

from collections.abc import AsyncGenerator, Coroutine
from typing import Any, TypeVar

import grpc

Response = TypeVar("Response")
_Result = TypeVar("_Result")


async def read_responses(
    call: grpc.aio.StreamStreamCall[Any, Response],
) -> AsyncGenerator[Response, None]:
    """Yield the responses of a call to which requests may still be written.

    Raises:
        grpc.aio.AioRpcError: The call failed; with the first status that was received.
    """
    received: list[grpc.aio.AioRpcError] = []
    # gRPC calls this at once when the status arrives, before it notices the failed write.
    call.add_done_callback(lambda _: received.append(_status(call)))
    try:
        async for response in call:
            yield response
    except grpc.RpcError:
        if not received:
            raise
        if received[0].code() is not grpc.StatusCode.OK:
            raise received[0] from None


def _status(call: grpc.aio.StreamStreamCall[Any, Any]) -> grpc.aio.AioRpcError:
    """Return the status of a call that has ended."""
    return grpc.aio.AioRpcError(
        _result(call.code()),
        grpc.aio.Metadata(),
        _result(call.trailing_metadata()),
        _result(call.details()),
    )


def _result(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Return the result of a coroutine that does not have to wait for it."""
    try:
        coroutine.send(None)
    except StopIteration as returned:
        result: _Result = returned.value
        return result
    coroutine.close()
    raise RuntimeError("the call has not ended")
