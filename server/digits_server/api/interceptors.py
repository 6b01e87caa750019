"""What happens around every call: request id, metrics, errors to statuses."""

import contextlib
import functools
import logging
import random
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn, TypeAlias, cast

import grpc

from digits_server.errors import InvalidArgumentError, OverloadedError, ServerError
from digits_server.inference.admission import Admission
from digits_server.ops.metrics import Metrics

from .status import DETAILS_KEY, INTERNAL_MESSAGE, to_status

logger = logging.getLogger(__name__)

REQUEST_ID_KEY = "x-request-id"
# gRPC's own: a client that retries by a policy waits for as long as this says.
PUSHBACK_KEY = "grpc-retry-pushback-ms"
# While nothing more has room, these are turned away before their message is read.
_METHODS_WITH_IMAGES = frozenset({"Recognize", "RecognizeBatch", "ModelInfer"})
# A caller's id goes into the log as it is, so it may be only what cannot break a line.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")

_CODES = {code.value[0]: code.name for code in grpc.StatusCode}

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"
UnaryBehavior = Callable[..., Awaitable[Any]]
StreamBehavior = Callable[..., AsyncGenerator[Any, None]]
Reader = Callable[[Any], Any]


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every handler in one of the same arity.

    The request id is taken from the metadata ``x-request-id`` or made, and returned in
    the trailing metadata. Errors become a status here and only here. Messages are read here
    too: of bytes that are none, gRPC itself would tell callers the exception.
    """

    def __init__(self, metrics: Metrics, admission: Admission, *, is_native: bool = False) -> None:
        """Wrap handlers.

        Args:
            metrics: To count by.
            admission: Asked whether there is room, before a message is read.
            is_native: Whether the transport is the native one, which keeps gRPC's own metadata
                to itself and has read the message of a call before it tells of it.
        """
        self._metrics = metrics
        self._admission = admission
        self._pushes_back = not is_native
        # A refusal that takes a stream is one that grpcio reads no message for.
        self._refusal_handler = (
            grpc.unary_unary_rpc_method_handler
            if is_native
            else grpc.stream_unary_rpc_method_handler
        )
        # By name, with what it wraps; only methods that are here come this far.
        self._wrapped: dict[str, tuple[Handler, Handler]] = {}
        self._method_metrics: dict[str, _MethodMetrics] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Return the method's handler, wrapped."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method.removeprefix("/")
        if method.rpartition("/")[2] in _METHODS_WITH_IMAGES and self._admission.is_full:
            return self._refusal_handler(functools.partial(self._refuse, self._metrics_of(method)))
        known, wrapped = self._wrapped.get(method, (None, None))
        if known is not handler:  # another method, or what an outer interceptor put in its place
            wrapped = self._wrap(method, handler)
            self._wrapped[method] = (handler, wrapped)
        return wrapped

    def _wrap(self, method: str, handler: "grpc.RpcMethodHandler[Any, Any]") -> Handler:
        call = functools.partial(_Call, self._metrics_of(method), self._pushes_back)
        read: Reader = functools.partial(_read, handler.request_deserializer or _unread)
        codecs = {"response_serializer": handler.response_serializer}
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(
                _unary(cast("UnaryBehavior", handler.unary_unary), read, call), **codecs
            )
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(
                _stream(cast("StreamBehavior", handler.unary_stream), read, call), **codecs
            )
        if handler.stream_stream:
            return grpc.stream_stream_rpc_method_handler(
                _stream(
                    cast("StreamBehavior", handler.stream_stream),
                    functools.partial(_read_all, read),
                    call,
                ),
                **codecs,
            )
        raise NotImplementedError(f"{method} has an arity that no service here uses")

    def _metrics_of(self, method: str) -> "_MethodMetrics":
        if method not in self._method_metrics:
            self._method_metrics[method] = _MethodMetrics(method, self._metrics)
        return self._method_metrics[method]

    async def _refuse(
        self, metrics: "_MethodMetrics", _: object, context: grpc.aio.ServicerContext[Any, Any]
    ) -> NoReturn:
        """Turn a call away by the shortest way: under load there are many."""
        error = self._admission.rejection()
        metrics.ended(error.code)
        code = grpc.StatusCode[error.code]
        trailers = _trailers(error, _request_id(context), pushes_back=self._pushes_back)
        await context.abort(code, str(error), trailers)


def _read(deserialize: Callable[[bytes], Any], content: bytes) -> Any:
    try:
        return deserialize(content)
    except Exception as error:
        raise InvalidArgumentError("request", "is no message of the method's type") from error


def _unread(content: bytes) -> bytes:
    return content


async def _read_all(read: Reader, contents: AsyncIterator[bytes]) -> AsyncGenerator[Any, None]:
    async for content in contents:
        yield read(content)


def _unary(behavior: UnaryBehavior, read: Reader, call: "CallMaker") -> UnaryBehavior:
    async def answer(content: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        async with call(context):
            return await behavior(read(content), context)

    return answer


def _stream(behavior: StreamBehavior, read: Reader, call: "CallMaker") -> StreamBehavior:
    async def answer(
        content: Any, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncGenerator[Any, None]:
        async with (
            call(context),
            contextlib.aclosing(behavior(read(content), context)) as answers,
        ):
            async for response in answers:
                yield response

    return answer


class _MethodMetrics:
    """The metrics of one method, found once and not at each call."""

    def __init__(self, method: str, metrics: Metrics) -> None:
        self.method = method
        self.in_flight = metrics.calls_in_flight.labels(method)
        self.seconds = metrics.call_seconds.labels(method)
        self._calls = metrics.calls
        self._of_code = {"OK": metrics.calls.labels(method, "OK")}

    def ended(self, code: str) -> None:
        if code not in self._of_code:
            self._of_code[code] = self._calls.labels(self.method, code)
        self._of_code[code].inc()


class _Call:
    """One call: its id, its duration, and its end."""

    def __init__(
        self,
        metrics: _MethodMetrics,
        pushes_back: bool,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> None:
        self._metrics = metrics
        self._pushes_back = pushes_back
        self._context = context
        self._id = _request_id(context)

    async def __aenter__(self) -> None:
        self._began = time.perf_counter()
        self._metrics.in_flight.inc()
        self._context.set_trailing_metadata(((REQUEST_ID_KEY, self._id),))

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None:
            self._end("OK")
        elif isinstance(error, ServerError) and error.code != "INTERNAL":
            self._end(error.code)
            await self._abort(error)
        elif isinstance(error, grpc.aio.AbortError):  # a service's own, as that of health
            code: Any = self._context.code()  # grpcio's is a number, whatever its types say
            self._end(code.name if isinstance(code, grpc.StatusCode) else _CODES[code])
        elif isinstance(error, Exception):
            self._end("INTERNAL", error)
            await self._abort(ServerError(INTERNAL_MESSAGE))
        else:  # cancelled by the caller or the deadline, or the generator was closed
            remaining_seconds = self._context.time_remaining()
            has_expired = remaining_seconds == 0
            self._end("DEADLINE_EXCEEDED" if has_expired else "CANCELLED")

    def _end(self, code: str, error: Exception | None = None) -> None:
        seconds = time.perf_counter() - self._began
        self._metrics.in_flight.dec()
        self._metrics.ended(code)
        self._metrics.seconds.observe(seconds)
        level = logging.ERROR if error else logging.DEBUG
        if logger.isEnabledFor(level):
            fields = {
                "method": self._metrics.method,
                "code": code,
                "duration_ms": round(seconds * 1000, 2),
                "request_id": self._id,
            }
            logger.log(
                level, "call failed" if error else "call ended", extra=fields, exc_info=error
            )

    async def _abort(self, error: ServerError) -> None:
        code = grpc.StatusCode[error.code]
        trailers = _trailers(error, self._id, pushes_back=self._pushes_back)
        await self._context.abort(code, str(error), trailers)


CallMaker = Callable[[grpc.aio.ServicerContext[Any, Any]], _Call]


def _trailers(
    error: ServerError, request_id: str, *, pushes_back: bool
) -> tuple[tuple[str, str | bytes], ...]:
    trailers: tuple[tuple[str, str | bytes], ...] = (
        (REQUEST_ID_KEY, request_id),
        (DETAILS_KEY, to_status(error).SerializeToString()),
    )
    if pushes_back and isinstance(error, OverloadedError):
        trailers += ((PUSHBACK_KEY, str(round(error.retry_after_seconds * 1000))),)
    return trailers


def _request_id(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID_KEY and isinstance(value, str) and _REQUEST_ID.fullmatch(value):
            return value
    return f"{random.getrandbits(128):032x}"  # not a secret
