"""Wraps every call: request id, metrics, log, and errors translated to statuses."""

import contextlib
import functools
import logging
import random
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, Final, NoReturn, TypeAlias

import grpc

from digits_server.errors import InvalidArgumentError, OverloadedError, ServerError
from digits_server.inference.admission import Admission
from digits_server.ops.metrics import Metrics

from .arity import Behavior, Continuation, MethodHandler, behavior_of, with_behavior
from .call import Context
from .status import DETAILS_KEY, INTERNAL_MESSAGE, to_status

logger = logging.getLogger(__name__)

REQUEST_ID_KEY: Final = "x-request-id"
# Defined by gRPC: a client with a retry policy waits this long before it retries.
PUSHBACK_KEY: Final = "grpc-retry-pushback-ms"
# While the server is full, these are rejected before their message is read.
_METHODS_WITH_IMAGES: Final = frozenset({"Recognize", "RecognizeBatch", "ModelInfer"})
# A caller's id is logged unchanged, so it is restricted to what cannot break a log line.
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_CODE_NAMES: Final = {code.value[0]: code.name for code in grpc.StatusCode}

Trailers: TypeAlias = tuple[tuple[str, str | bytes], ...]
_Deserializer: TypeAlias = Callable[[Any], Any]


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every method handler in one of the same arity.

    The request id is taken from the metadata ``x-request-id`` or generated, and returned in
    the trailing metadata. Only here is an error turned into the status of a call. Messages are
    deserialized here too, because gRPC itself would send callers the text of the exception.
    """

    def __init__(self, metrics: Metrics, admission: Admission) -> None:
        """Wrap method handlers.

        Args:
            metrics: Counts and times the calls.
            admission: Checked for a full server before a message is read.
        """
        self._metrics = metrics
        self._admission = admission
        # Method name -> the handler and its wrapper. Bounded: unknown methods have no handler.
        self._wrapped: dict[str, tuple[MethodHandler, MethodHandler]] = {}
        self._method_metrics: dict[str, _MethodMetrics] = {}

    async def intercept_service(
        self,
        continuation: Continuation,
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "MethodHandler | None":
        """Return the wrapped handler of a method."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method.removeprefix("/")
        if method.rpartition("/")[2] in _METHODS_WITH_IMAGES and self._admission.is_full:
            reject = functools.partial(self._reject, self._metrics_of(method))
            # gRPC does not read the message of a call whose handler takes a stream.
            return grpc.stream_unary_rpc_method_handler(reject)
        known, wrapped = self._wrapped.get(method, (None, None))
        if known is not handler:  # its first call, or it has another handler now
            wrapped = self._wrap(method, handler)
            self._wrapped[method] = (handler, wrapped)
        return wrapped

    def _wrap(self, method: str, handler: MethodHandler) -> MethodHandler:
        make_call = functools.partial(_Call, self._metrics_of(method))
        deserialize: _Deserializer = functools.partial(
            _deserialize, handler.request_deserializer or bytes
        )
        if handler.request_streaming:
            deserialize = functools.partial(_deserialize_all, deserialize)
        wrap = _stream if handler.response_streaming else _unary
        behavior = wrap(behavior_of(handler), deserialize, make_call)
        return with_behavior(handler, behavior, keeps_deserializer=False)

    def _metrics_of(self, method: str) -> "_MethodMetrics":
        if method not in self._method_metrics:
            self._method_metrics[method] = _MethodMetrics(method, self._metrics)
        return self._method_metrics[method]

    async def _reject(self, metrics: "_MethodMetrics", _: object, context: Context) -> NoReturn:
        """Reject a call with as little work as possible: under overload there are many."""
        error = self._admission.rejection()
        metrics.count(error.code)
        code = grpc.StatusCode[error.code]
        await context.abort(code, str(error), _trailers(error, _request_id(context)))


def _deserialize(deserialize: _Deserializer, content: bytes) -> Any:
    try:
        return deserialize(content)
    except Exception as error:
        raise InvalidArgumentError("request", "is not a valid message for this method") from error


async def _deserialize_all(
    deserialize: _Deserializer, contents: AsyncIterator[bytes]
) -> AsyncGenerator[Any, None]:
    async for content in contents:
        yield deserialize(content)


def _unary(behavior: Behavior, deserialize: _Deserializer, make_call: "_CallFactory") -> Behavior:
    async def respond(content: Any, context: Context) -> Any:
        async with make_call(context):
            return await behavior(deserialize(content), context)

    return respond


def _stream(behavior: Behavior, deserialize: _Deserializer, make_call: "_CallFactory") -> Behavior:
    async def respond(content: Any, context: Context) -> AsyncGenerator[Any, None]:
        async with (
            make_call(context),
            contextlib.aclosing(behavior(deserialize(content), context)) as responses,
        ):
            async for response in responses:
                yield response

    return respond


class _MethodMetrics:
    """The metrics of one method, looked up once instead of at each call."""

    def __init__(self, method: str, metrics: Metrics) -> None:
        self.method = method
        self.in_flight = metrics.calls_in_flight.labels(method)
        self.seconds = metrics.call_seconds.labels(method)
        self._calls = metrics.calls
        self._calls_by_code = {"OK": metrics.calls.labels(method, "OK")}

    def count(self, code: str) -> None:
        """Count a call that ended with a status code."""
        if code not in self._calls_by_code:
            self._calls_by_code[code] = self._calls.labels(self.method, code)
        self._calls_by_code[code].inc()


class _Call:
    """The context of one call: sends its id, times it, and turns its error into a status."""

    def __init__(self, metrics: _MethodMetrics, context: Context) -> None:
        self._metrics = metrics
        self._context = context
        self._id = _request_id(context)

    async def __aenter__(self) -> None:
        self._start = time.perf_counter()
        self._metrics.in_flight.inc()
        self._context.set_trailing_metadata(((REQUEST_ID_KEY, self._id),))

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None:
            self._record("OK")
        elif isinstance(error, ServerError) and error.code != "INTERNAL":
            self._record(error.code)
            await self._abort(error)
        elif isinstance(error, grpc.aio.AbortError):  # the servicer aborted, as health does
            code: Any = self._context.code()  # a number in grpcio, whatever its types say
            self._record(code.name if isinstance(code, grpc.StatusCode) else _CODE_NAMES[code])
        elif isinstance(error, Exception):
            self._record("INTERNAL", error)
            await self._abort(ServerError(INTERNAL_MESSAGE))
        else:  # cancelled by the caller or the deadline, or the generator was closed
            remaining_seconds = self._context.time_remaining()
            has_expired = remaining_seconds == 0
            self._record("DEADLINE_EXCEEDED" if has_expired else "CANCELLED")

    def _record(self, code: str, error: Exception | None = None) -> None:
        seconds = time.perf_counter() - self._start
        self._metrics.in_flight.dec()
        self._metrics.count(code)
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
        await self._context.abort(code, str(error), _trailers(error, self._id))


_CallFactory: TypeAlias = Callable[[Context], _Call]


def _trailers(error: ServerError, request_id: str) -> Trailers:
    trailers: Trailers = (
        (REQUEST_ID_KEY, request_id),
        (DETAILS_KEY, to_status(error).SerializeToString()),
    )
    if isinstance(error, OverloadedError):
        trailers += ((PUSHBACK_KEY, str(round(error.retry_after_seconds * 1000))),)
    return trailers


def _request_id(context: Context) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID_KEY and isinstance(value, str) and _REQUEST_ID.fullmatch(value):
            return value
    return f"{random.getrandbits(128):032x}"  # not a secret
