"""What happens around every call of our service: request id, timing, errors to statuses."""

import contextlib
import logging
import re
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias, cast

import grpc

from .errors import ServerError
from .status import DETAILS_KEY, INTERNAL_MESSAGE, to_status

logger = logging.getLogger(__name__)

REQUEST_ID_KEY = "x-request-id"
# A caller's id goes into the log as it is, so it may be only what cannot break a line.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"
UnaryBehavior = Callable[..., Awaitable[Any]]
StreamBehavior = Callable[..., AsyncGenerator[Any, None]]


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the handlers of one service, each in a handler of the same arity.

    The request id is taken from the metadata ``x-request-id`` or made, and returned in
    the trailing metadata. Errors become a status here and only here.
    """

    def __init__(self, service: str) -> None:
        """Wrap the service of this full name; others pass untouched."""
        self._prefix = f"/{service}/"

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Return the method's handler, wrapped."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith(self._prefix):
            return handler
        name = method.removeprefix(self._prefix)
        codecs = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(
                _unary(cast("UnaryBehavior", handler.unary_unary), name), **codecs
            )
        if handler.stream_stream:
            return grpc.stream_stream_rpc_method_handler(
                _stream(cast("StreamBehavior", handler.stream_stream), name), **codecs
            )
        raise NotImplementedError(f"{method} has an arity that the service does not use")


def _unary(behavior: UnaryBehavior, name: str) -> UnaryBehavior:
    async def answer(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        async with _Call(name, context):
            return await behavior(request, context)

    return answer


def _stream(behavior: StreamBehavior, name: str) -> StreamBehavior:
    async def answer(
        requests: AsyncIterator[Any], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncGenerator[Any, None]:
        async with (
            _Call(name, context),
            contextlib.aclosing(behavior(requests, context)) as answers,
        ):
            async for response in answers:
                yield response

    return answer


class _Call:
    """One call: its id, its duration in the log, and its end."""

    def __init__(self, name: str, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        self._name = name
        self._context = context
        self._id = _request_id(context)

    async def __aenter__(self) -> None:
        self._began = time.perf_counter()
        self._context.set_trailing_metadata(((REQUEST_ID_KEY, self._id),))

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None:
            self._log("OK")
        elif isinstance(error, ServerError) and error.code is not grpc.StatusCode.INTERNAL:
            self._log(error.code.name)
            await self._abort(error)
        elif isinstance(error, Exception) and not isinstance(error, grpc.aio.AbortError):
            logger.error("%s failed, request %s", self._name, self._id, exc_info=error)
            await self._abort(ServerError(INTERNAL_MESSAGE))
        else:  # cancelled by the caller or the deadline, or the generator was closed
            self._log("CANCELLED")

    def _log(self, outcome: str) -> None:
        duration_ms = (time.perf_counter() - self._began) * 1000
        logger.debug("%s %s in %.2f ms, request %s", self._name, outcome, duration_ms, self._id)

    async def _abort(self, error: ServerError) -> None:
        status = to_status(error)
        trailers = ((REQUEST_ID_KEY, self._id), (DETAILS_KEY, status.SerializeToString()))
        await self._context.abort(error.code, status.message, trailers)


def _request_id(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID_KEY and isinstance(value, str) and _REQUEST_ID.fullmatch(value):
            return value
    return uuid.uuid4().hex
