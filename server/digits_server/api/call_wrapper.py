"""What all calls have in common: request id, metrics, log, and errors translated to statuses."""

import contextlib
import functools
import logging
import time
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, Final

import grpc

from digits_server.errors import InvalidArgumentError, OverloadedError, ServerError
from digits_server.inference.admission import Admission
from digits_server.ops.metrics import CallMetrics

from .abort import REQUEST_ID_KEY, abort, request_id_of
from .arity import MethodHandler, behavior_of
from .call import Context, remaining_seconds_of
from .message_reader import MessageReader
from .open_calls import OpenCalls
from .status import INTERNAL_MESSAGE

logger = logging.getLogger(__name__)

_CODE_NAMES: Final = {code.value[0]: code.name for code in grpc.StatusCode}


def wrap(
    method: str,
    handler: MethodHandler,
    calls: CallMetrics,
    reader: MessageReader,
    open_calls: OpenCalls,
    admission: Admission | None = None,
) -> MethodHandler:
    """Return a handler that does what all calls have in common.

    The request id is taken from the metadata ``x-request-id`` or generated, and returned in
    the trailing metadata. Only here is an error turned into the status of a call. Messages are
    read and deserialized here too: gRPC itself would read every message whole before the call
    starts, and send callers the text of an exception.

    Args:
        method: Full name of the method, such as ``digits.v1.RecognizerService/Recognize``.
        handler: The handler to wrap.
        calls: Counts and times the calls.
        reader: Reads the messages.
        open_calls: Ends streams when the server stops.
        admission: Rejects a call before its message is read, if the server is full. None for a
            method without images.
    """
    deserialize = functools.partial(_deserialize, handler.request_deserializer or bytes)
    make_call = functools.partial(_Call, method, calls)
    behavior = behavior_of(handler)

    async def read(context: Context) -> Any:
        """Return the one message of a call, or end a call that has none or must wait."""
        try:
            if admission is not None:
                admission.check(remaining_seconds_of(context))
            content = await reader.read(context)
        except OverloadedError as error:
            calls.reject(error.code)
            await abort(context, error, request_id_of(context))
        except grpc.aio.AbortError:
            calls.reject(OverloadedError.code)
            raise
        if content is grpc.aio.EOF:
            # The call was cancelled before its message arrived, or it has none: gRPC does not
            # distinguish these, so neither is counted.
            missing = InvalidArgumentError("request", "is missing")
            await abort(context, missing, request_id_of(context))
        return content

    async def respond(_: object, context: Context) -> Any:
        # In a list, so that the content can be freed as soon as it is deserialized.
        content = [await read(context)]
        call = make_call(context)
        try:
            response = await behavior(deserialize(content), context)
        except BaseException as error:
            await call.fail(error)
            raise
        call.end("OK")
        return response

    async def stream_responses(_: object, context: Context) -> AsyncGenerator[Any, None]:
        content = [] if handler.request_streaming else [await read(context)]
        call = make_call(context)
        try:
            requests = (
                deserialize(content)
                if content
                else _deserialize_all(deserialize, open_calls.receive(reader.messages(context)))
            )
            async with contextlib.aclosing(behavior(requests, context)) as responses:
                async for response in responses:
                    with reader.sending(context):
                        yield response
        except BaseException as error:
            await call.fail(error)
            raise
        call.end("OK")

    # To gRPC every request is a stream: it then leaves the reading to the handler.
    if handler.response_streaming:
        return grpc.stream_stream_rpc_method_handler(
            stream_responses, response_serializer=handler.response_serializer
        )
    return grpc.stream_unary_rpc_method_handler(
        respond, response_serializer=handler.response_serializer
    )


def _deserialize(deserialize: Callable[[Any], Any], content: list[bytes]) -> Any:
    """Return the message of one content, which is freed."""
    try:
        return deserialize(content.pop())
    except Exception as error:
        raise InvalidArgumentError("request", "is not a valid message for this method") from error


async def _deserialize_all(
    deserialize: Callable[[list[bytes]], Any], contents: AsyncIterator[bytes]
) -> AsyncGenerator[Any, None]:
    async for content in contents:
        request = deserialize([content])
        del content  # or it would stay until the next message
        yield request
        del request


class _Call:
    """One call: sends its id, times it, and turns its error into a status."""

    def __init__(self, method: str, calls: CallMetrics, context: Context) -> None:
        self._method = method
        self._calls = calls
        self._context = context
        self._id = request_id_of(context)
        self._start = time.perf_counter()
        calls.start()
        context.set_trailing_metadata(((REQUEST_ID_KEY, self._id),))

    async def fail(self, error: BaseException) -> None:
        """End the call with the status of an error.

        Raises:
            AbortError: Always, unless the caller has its status already or has gone.
        """
        if isinstance(error, ServerError) and error.code != "INTERNAL":
            self.end(error.code)
            _free_locals(error)
            await abort(self._context, error, self._id)
        elif isinstance(error, grpc.aio.AbortError):  # the servicer aborted, as health does
            _free_locals(error)
            code: Any = self._context.code()  # a number in grpcio, whatever its types say
            self.end(code.name if isinstance(code, grpc.StatusCode) else _CODE_NAMES[code])
        elif isinstance(error, Exception):
            self.end("INTERNAL", error)
            _free_locals(error)
            await abort(self._context, ServerError(INTERNAL_MESSAGE), self._id)
        else:  # cancelled by the caller or the deadline, or the generator was closed
            has_expired = self._context.time_remaining() == 0
            self.end("DEADLINE_EXCEEDED" if has_expired else "CANCELLED")

    def end(self, code: str, error: Exception | None = None) -> None:
        """Count and log the call.

        Args:
            code: Name of its status code.
            error: A fault of the server, which is logged with its traceback.
        """
        seconds = time.perf_counter() - self._start
        self._calls.end(code, seconds)
        level = logging.ERROR if error else logging.DEBUG
        if logger.isEnabledFor(level):
            fields = {
                "method": self._method,
                "code": code,
                "duration_ms": round(seconds * 1000, 2),
                "request_id": self._id,
            }
            logger.log(
                level, "call failed" if error else "call ended", extra=fields, exc_info=error
            )


def _free_locals(error: BaseException | None) -> None:
    """Free what the functions that raised an error had in variables: images, for example.

    gRPC keeps the error that aborts a call in a cycle, until it is found by the garbage collector.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
